// SPDX-License-Identifier: Apache-2.0
// Cost of one packet in each program, in nanoseconds as BPF_PROG_TEST_RUN measures them, beside an empty program and a
// bare parse with one hash lookup, in one run. Prints Markdown.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { median, packet, type Packet } from './packets.js'

const addon = loadAddon()
const rounds = 7

/** Median ns of one packet run many times: hot caches. */
function hot(kernel: KernelHandle, program: string, data: Uint8Array): number {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push(kernel.testRun(program, data, { repeat: 200_000 }).durationNs)
  return median(times)
}

/** Median over flows of ns of one packet each, in an order that defeats caches: what a lookup costs among many. */
function spread(kernel: KernelHandle, program: string, make: (i: number) => Uint8Array, flows: number): number {
  const times: number[] = []
  const step = 7919 // coprime with the numbers of flows used here
  for (let i = 0, at = 0; i < Math.min(flows, 20_000); i++, at = (at + step) % flows)
    times.push(kernel.testRun(program, make(at), { repeat: 2 }).durationNs)
  return median(times)
}

/** Brings each flow to "decided": greetings of both ends, then packets that use the budget up. */
function settle(kernel: KernelHandle, program: string, flow: Packet): void {
  const banner = Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')
  kernel.testRun(program, packet({ ...flow, flags: 2, seq: 99 }))
  kernel.testRun(program, packet({ ...flow, flip: true, flags: 0x12, seq: 499 }))
  for (let i = 0; i < 10; i++) {
    kernel.testRun(program, packet({ ...flow, flags: 0x18, seq: 100 + i * banner.length, payload: banner }))
    kernel.testRun(program, packet({ ...flow, flip: true, flags: 0x18, seq: 500 + i * banner.length, payload: banner }))
  }
}

const folder = fileURLToPath(new URL('.', import.meta.url))
const object = process.argv[2] ?? join(folder, '../../build/bench/baseline.bpf.o')
const bare = await addon.openKernel({ object })
const rows: string[][] = []
for (const flows of [1, 1000, 100_000]) {
  const kernel = await addon.openKernel({ flows: 262_144, pending: 1024 })
  const flowOf = (i: number): Packet => ({ source: 0x0a000000 + (i >>> 14) * 256 + 1, sport: 1024 + (i & 16383), dport: 22 })
  const established = (i: number): Uint8Array => packet({ ...flowOf(i), flags: 0x10, seq: 100_000, payload: Buffer.alloc(10, 1) })
  for (const [empty, lookup, ours] of [
    ['bare_xdp_empty', 'bare_xdp_lookup', 'fi_xdp'],
    ['bare_tc_empty', 'bare_tc_lookup', 'fi_tc_ingress'],
  ] as const) {
    for (let i = 0; i < flows; i++) {
      settle(kernel, ours, flowOf(i))
      bare.testRun(lookup, established(i))
    }
    const measure =
      flows === 1
        ? (k: KernelHandle, p: string) => hot(k, p, established(0))
        : (k: KernelHandle, p: string) => spread(k, p, established, flows)
    const [e, l, o] = [measure(bare, empty), measure(bare, lookup), measure(kernel, ours)]
    rows.push([ours, 'established', String(flows), String(e), String(l), String(o), (o / l).toFixed(2)])
    if (ours === 'fi_xdp') continue
  }
  kernel.close()
}
const first = await addon.openKernel({ flows: 262_144, pending: 4096 })
for (const [name, payload] of [
  ['HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n')],
  ['matches nothing', Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 167 + 13) & 255))],
] as const) {
  const make = (i: number): Uint8Array =>
    packet({ source: 0x0b000000 + i * 7, sport: 2000 + (i % 50_000), dport: 4999, flags: 0x18, seq: 1, payload })
  const times: number[] = []
  for (let i = 0; i < 4000; i++) times.push(first.testRun('fi_xdp', make(i), { repeat: 1 }).durationNs)
  rows.push(['fi_xdp', `first payload, ${name}`, 'new', '', '', String(median(times)), ''])
}
first.close()
bare.close()
console.log(
  '| program | packet | flows | empty, ns | bare parse + lookup, ns | flowident, ns | ratio to bare |\n| --- | --- | --- | --- | --- | --- | --- |',
)
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
