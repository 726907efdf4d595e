// SPDX-License-Identifier: Apache-2.0
// Cost of one packet in the wire view's programs, in nanoseconds as BPF_PROG_TEST_RUN measures them, beside an empty
// program and a bare parse with one hash lookup, in one run: with one flow and hot caches, and with packets of many
// flows in random order. Prints Markdown.
import { join } from 'node:path'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { median, type Packet, packet } from './packets.js'

const addon = loadAddon()
const bare = await addon.openKernel({ object: join(import.meta.dirname, '../../build/bench/baseline.bpf.o') })
const without = ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_filter', 'fi_tc_egress']
const kernel = await addon.openKernel({ flows: 131_072, pending: 4096, without })

/** The least of many runs: what other work on the machine adds is not the program's. */
const hot = (of: KernelHandle, program: string, data: Uint8Array): number =>
  Math.min(...Array.from({ length: 40 }, () => of.testRun(program, data, { repeat: 20_000 }).durationNs))

/** Greetings of both ends, then packets until the flow is only counted. */
function decide(program: string, flow: Packet): void {
  for (let i = 0; i < 12; i++)
    for (const flip of [false, true])
      kernel.testRun(program, packet({ ...flow, flip, flags: 0x18, seq: (flip ? 5000 : 100) + i * banner.length, payload: banner }))
}

console.log(
  '| program | packet | empty program, ns | bare parse + lookup, ns | flowident, ns | ratio to bare |\n| --- | --- | --- | --- | --- | --- |',
)
const flow: Packet = { source: 0x0a000001, sport: 40_000, dport: 22 }
const banner = Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')
for (const [empty, lookup, ours] of [
  ['bare_xdp_empty', 'bare_xdp_lookup', 'fi_xdp'],
  ['bare_tc_empty', 'bare_tc_lookup', 'fi_tc_ingress'],
] as const) {
  decide(ours, flow)
  const established = packet({ ...flow, flags: 0x10, seq: 9999, payload: Buffer.alloc(10, 1) })
  bare.testRun(lookup, established)
  const [e, l, o] = [hot(bare, empty, established), hot(bare, lookup, established), hot(kernel, ours, established)]
  console.log(`| ${ours} | of a decided flow | ${e} | ${l} | ${o} | ${(o / l).toFixed(2)} |`)
}
for (const [name, payload] of [
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n')],
  ['200 bytes that match nothing', Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 167 + 13) & 255))],
] as const) {
  const times: number[] = []
  for (let i = 0; i < 1500; i++)
    times.push(
      kernel.testRun('fi_xdp', packet({ source: 0x0b000000 + i * 7, sport: 2000 + i, dport: 4999, flags: 0x18, seq: 1, payload }))
        .durationNs,
    )
  console.log(`| fi_xdp | first payload of a new flow: ${name} | | | ${median(times)} | |`)
}

console.log(
  '\n| flows, in random order | empty program, ns | bare parse + lookup, ns | fi_xdp, ns | ratio to bare |\n| --- | --- | --- | --- | --- |',
)
const flows: Packet[] = Array.from({ length: 100_000 }, (_, i) => ({ source: 0x0c000000 + i * 5, sport: 1024 + (i % 60_000), dport: 22 }))
for (const each of flows) decide('fi_xdp', each)
const packets = flows.map((each) => packet({ ...each, flags: 0x10, seq: 9999, payload: Buffer.alloc(10, 1) }))
for (const each of packets) bare.testRun('bare_xdp_lookup', each)
for (const n of [1, 1000, 100_000]) {
  const programs = [
    [bare, 'bare_xdp_empty'],
    [bare, 'bare_xdp_lookup'],
    [kernel, 'fi_xdp'],
  ] as const
  const times = programs.map(() => new Float64Array(40_000))
  let random = 1
  for (let i = 0; i < 40_000; i++)
    programs.forEach(([of, program], p) => {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0
      times[p]![i] = of.testRun(program, packets[Math.floor((random / 2 ** 32) * n)]!).durationNs
    })
  const [e, l, o] = times.map((each) => median([...each])) as [number, number, number]
  console.log(`| ${n} | ${e} | ${l} | ${o} | ${(o / l).toFixed(2)} |`)
}
kernel.close()
bare.close()
