// SPDX-License-Identifier: Apache-2.0
// The kernel port over batches that a test gives: the daemon runs on it without root.
import { COUNTERS, RULE_HITS, RULES_SWITCH } from '../../../src/gen/abi.js'
import { loadAddon } from '../../../src/kernel/native-kernel.js'
import type { Attachment, Kernel, KernelSource } from '../../../src/kernel/kernel.js'

export class RecordedKernel implements Kernel {
  readonly skipped = [{ program: 'fi_sock_send', error: 'needs Linux 6.3' }]
  flows: ArrayBuffer = new ArrayBuffer(0)
  sums: ArrayBuffer = new ArrayBuffer(0)
  readonly cells = new BigUint64Array(COUNTERS.length)
  closed = 0
  attached = 0
  #batch: ((buffer: ArrayBuffer, bytes: number) => void) | undefined

  /** A batch from the ring buffer. */
  ring(buffer: ArrayBuffer): void {
    this.#batch?.(buffer, buffer.byteLength)
  }
  async attachHost({ cgroup }: { cgroup: string | null }): Promise<Attachment[]> {
    this.attached++
    return [
      { program: 'fi_ingress', target: cgroup ?? '', mode: 'cgroup', ok: true },
      { program: 'fi_state', target: 'inet_sock_set_state', mode: 'tracepoint', ok: false, error: 'no BTF' },
    ]
  }
  async attachInterface(ifindex: number): Promise<Attachment[]> {
    return [{ program: 'fi_xdp', target: `if${ifindex}`, ifindex, mode: 'generic', ok: true }]
  }
  async attachFilter(): Promise<Attachment[]> {
    return []
  }
  detachInterface(): void {}
  interfaceState() {
    return { alive: true, xdpFree: false }
  }
  startRing(onBatch: (buffer: ArrayBuffer, bytes: number) => void): void {
    this.#batch = onBatch
  }
  async dumpFlows(): Promise<ArrayBuffer> {
    return this.flows
  }
  async aggregates(): Promise<ArrayBuffer> {
    return this.sums
  }
  connectionSums: ArrayBuffer = new ArrayBuffer(0)
  async connections(): Promise<ArrayBuffer> {
    return this.connectionSums
  }
  startRequests(): void {}
  async requests(): Promise<ArrayBuffer> {
    return new ArrayBuffer(0)
  }
  async expire(): Promise<void> {}
  ruled = 0
  async ruleSockets(): Promise<void> {
    this.ruled++
  }
  counters(): BigUint64Array {
    return this.cells
  }
  labelLosses() {
    return { flowsEvicted: 0n, bytesDropped: 0n, labelsDropped: 0n }
  }
  programs() {
    return [{ name: 'fi_ingress', type: 'cgroup_skb', runCount: 7n, runNs: 1500n, insns: 10, verifiedInsns: 20, memlock: 4096 }]
  }
  async maps() {
    return [{ name: 'fi_flows', entries: 1, capacity: 1024, bytes: 8192 }]
  }
  installed: unknown[] = []
  async installRules(tables: unknown): Promise<number> {
    return tables === null ? 0 : this.installed.push(tables)
  }
  async endTrial(): Promise<number> {
    return this.installed.length
  }
  async ruleHits(rules: number): Promise<ArrayBuffer> {
    const answer = new ArrayBuffer(RULES_SWITCH.sizeof + rules * RULE_HITS.sizeof)
    new DataView(answer).setUint32(0, this.installed.length, true)
    return answer
  }
  budget = 0
  setBudget(step: number): void {
    this.budget = step
  }
  packs: Uint8Array = new Uint8Array(0)
  names: Uint8Array = new Uint8Array(32 * 32)
  installPacks(packs: Uint8Array, names: Uint8Array): void {
    this.packs = packs
    this.names = names
  }
  packNames(): Uint8Array {
    return this.names
  }
  readonly kept = {}
  settle(): void {}
  /** Cookies of the sockets whose connections were to be reset. */
  readonly resets: bigint[] = []
  /** struct fi_decision of each flow that was to be dropped. */
  readonly decisions: Uint8Array[] = []
  testRun(program: string, _data: Uint8Array, { ctx }: { ctx?: Uint8Array } = {}) {
    if (program !== 'fi_rule_flow' || !ctx) throw new Error('a recording runs no programs')
    this.decisions.push(ctx)
    return { retval: 1, durationNs: 0, data: new Uint8Array(0) }
  }
  close(): void {
    this.closed++
  }
  [Symbol.dispose](): void {
    this.close()
  }
}

export const recordedSource = (kernel: RecordedKernel): KernelSource => ({
  open: async () => kernel,
  probe: async () => [],
  version: () => ({ libbpf: '1.1', abi: 1 }),
  sdNotify: () => false,
  resetSocket: async (_tuple, cookie) => {
    kernel.resets.push(cookie)
  },
  evaluateRules: (tables, packets) => loadAddon().evaluateRules(tables, packets),
  peerCredentials: () => ({ pid: 1, uid: 0, gid: 0 }),
})
