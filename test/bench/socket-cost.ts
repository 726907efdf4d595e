// SPDX-License-Identifier: Apache-2.0
// Cost of a packet in the socket view while real connected UDP sockets send over loopback in turn: run time of the programs as
// the kernel counts it, with few and with many sockets open, beside an empty program and one that finds the flow in a hash
// table. One program is attached at a time. Prints Markdown.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { KernelOptions } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { cgroupRoot } from '../lib/cgroup.js'

const addon = loadAddon()
const bare = join(import.meta.dirname, '../../build/bench/baseline.bpf.o')
const wire = ['fi_xdp', 'fi_tc_ingress', 'fi_tc_egress', 'fi_filter']
const MEASURED = 200_000
/** Past the budget of windows and packets, from which on flows are only counted. */
const DECIDED = 70

async function measure(sockets: number, program: string, options: KernelOptions, rounds: number): Promise<number> {
  const kernel = await addon.openKernel({ ...options, stats: true })
  await kernel.attachHost({ cgroup: cgroupRoot() })
  if (options.object === undefined) kernel.startRing(() => {})
  const load = spawn('python3', [join(import.meta.dirname, 'socket-load.py'), `${sockets}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    const answers = createInterface({ input: load.stdout })[Symbol.asyncIterator]()
    const send = async (times: number, limit: number): Promise<void> => {
      load.stdin.write(`${times} ${limit}\n`)
      await answers.next()
    }
    const run = (): [number, number] => {
      const p = kernel.programs().find((each) => each.name === program)
      return [Number(p?.runCount ?? 0n), Number(p?.runNs ?? 0n)]
    }
    await answers.next()
    await send(rounds, sockets * rounds)
    const before = run()
    await send(Math.ceil(MEASURED / sockets), MEASURED)
    const after = run()
    return Math.round((after[1] - before[1]) / (after[0] - before[0]))
  } finally {
    load.stdin.end()
    await once(load, 'exit')
    kernel.close()
  }
}

console.log(
  '| open sockets | empty program, ns | hash lookup, ns | fi_cgroup_egress, ns | ratio to lookup |\n| --- | --- | --- | --- | --- |',
)
for (const n of [1, 1000, 10_000, 100_000]) {
  const empty = await measure(n, 'bare_cgroup_empty', { object: bare, without: ['bare_cgroup_lookup'] }, 1)
  const lookup = await measure(n, 'bare_cgroup_lookup', { object: bare, without: ['bare_cgroup_empty'] }, 2)
  const ours = await measure(n, 'fi_cgroup_egress', { without: wire }, DECIDED)
  console.log(`| ${n} | ${empty} | ${lookup} | ${ours} | ${(ours / lookup).toFixed(2)} |`)
}
