// SPDX-License-Identifier: Apache-2.0
// Conditions on ICMP messages, lengths and tunnels in the loaded programs: what differs from packet to packet of one flow is asked of
// each of them, whatever was said of those before.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { ethernet, ip, tcpSegment, udpSegment } from '../lib/synth.js'
import { unavailable } from './flow-states.js'

const addon = loadAddon()
const DROP = 1
const four = (n: number) => `10.0.0.${n}`
const six = (n: number) => `2001:db8::${n}`
const icmp = (type: number, code = 0, from = four(1), to = four(2)): Buffer =>
  ip(from, to, from.includes(':') ? 58 : 1, Buffer.concat([Buffer.from([type, code, 0, 0, 0, 1, 0, 1]), Buffer.alloc(48, 7)]), 2)
const udp = (size: number, from = four(1), to = four(2)): Buffer => ip(from, to, 17, udpSegment(4000, 9, Buffer.alloc(size, 1)), 6)
const vxlan = (id: number, inner: Buffer, carrier = '192.0.2.') =>
  ip(
    `${carrier}1`,
    `${carrier}2`,
    17,
    udpSegment(5000, 4789, Buffer.concat([Buffer.from([8, 0, 0, 0, id >> 16, (id >> 8) & 255, id & 255, 0]), ethernet(inner)])),
    6,
  )
const geneve = (id: number, inner: Buffer) =>
  ip(
    '192.0.2.1',
    '192.0.2.2',
    17,
    udpSegment(5000, 6081, Buffer.concat([Buffer.from([0, 0, 0x65, 0x58, id >> 16, (id >> 8) & 255, id & 255, 0]), ethernet(inner)])),
    6,
  )
const gre = (key: number | undefined, inner: Buffer) => {
  const head = Buffer.from([key === undefined ? 0 : 0x20, 0, 8, 0, 0, 0, 0, 0])
  head.writeUInt32BE(key ?? 0, 4)
  return ip('192.0.2.1', '192.0.2.2', 47, Buffer.concat([key === undefined ? head.subarray(0, 4) : head, inner]))
}

describe.skipIf(unavailable() !== undefined)('conditions on messages, lengths and tunnels', () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    kernel = await addon.openKernel({ flows: 4096, pending: 1024, without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_filter'] })
  })
  afterEach(() => kernel.installRules(null))
  afterAll(() => kernel.close())

  const install = (rule: string) =>
    kernel.installRules(compileRules(loadRules([{ name: 'test.yaml', text: `rules: [${rule}]` }]).rules, [{ name: 'lo', index: 1 }]))
  /** XDP and TC say the same: 1 = dropped. */
  const dropped = (...packets: Buffer[]): number[] =>
    packets.map((packet) => {
      const said = kernel.testRun('fi_xdp', ethernet(packet)).retval === DROP
      expect(kernel.testRun('fi_tc_ingress', ethernet(packet)).retval === 2).toBe(said)
      return Number(said)
    })

  it('messages by name in both versions, by type, by code, and negated', async () => {
    await install('{ name: ping, action: drop, match: { icmp: echo-request } }')
    const both = [icmp(8), icmp(0), icmp(128, 0, six(1), six(2)), icmp(129, 0, six(1), six(2))]
    for (let again = 0; again < 3; again++) expect(dropped(...both)).toEqual([1, 0, 1, 0])
    expect(dropped(udp(8), icmp(128), icmp(8, 0, six(1), six(2)))).toEqual([0, 0, 0])
    await install('{ name: codes, action: drop, match: { icmp: [3/4, packet-too-big, 13], transport: [icmp, icmp6] } }')
    expect(dropped(icmp(3, 4), icmp(3, 3), icmp(13, 9), icmp(2, 0, six(1), six(2)), icmp(2), icmp(3, 4, six(1), six(2)))).toEqual([
      1, 0, 1, 1, 0, 1,
    ])
    await install('{ name: others, action: drop, match: { transport: icmp, not: { icmp: [echo-request, echo-reply] } } }')
    expect(dropped(icmp(8), icmp(0), icmp(3, 1), udp(8))).toEqual([0, 0, 1, 0])
  })

  it('of a message that comes in fragments the first is dropped; one too short to have a type has none', async () => {
    await install('{ name: ping, action: drop, match: { icmp: echo-request } }')
    const first = icmp(8)
    first.writeUInt16BE(0x2000, 6)
    const later = icmp(8)
    later.writeUInt16BE(0x0007, 6)
    expect(dropped(first, later, ip(four(1), four(2), 1, Buffer.from([8])))).toEqual([1, 0, 0])
  })

  it('lengths, of each packet of a flow', async () => {
    await install('{ name: large, action: drop, match: { transport: udp, length: [100-199, 1000] } }')
    for (let again = 0; again < 3; again++)
      expect(dropped(udp(71), udp(72), udp(171), udp(172), udp(972), udp(973))).toEqual([0, 1, 1, 0, 1, 0])
    expect(dropped(udp(52, six(1), six(2)), udp(51, six(1), six(2)))).toEqual([1, 0])
    await install('{ name: small, action: drop, match: { not: { length: 60-65535 } } }')
    expect(dropped(udp(31), udp(32), udp(31))).toEqual([1, 0, 1])
  })

  it('a protocol and a length together drop these packets, and not the flow', async () => {
    await install('{ name: long-redis, action: drop, match: { protocol: redis, length: 200-65535 } }')
    const tcp = (data: string, seq: number) => ip(four(7), four(8), 6, tcpSegment(4321, 7777, seq, 1, 16, Buffer.from(data)), 16)
    const get = '*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    const answer = ip(four(8), four(7), 6, tcpSegment(7777, 4321, 1, 1 + get.length, 16, Buffer.from('$5\r\nhello\r\n')), 16)
    expect(dropped(tcp(get, 1), answer, tcp(get, 1 + get.length))).toEqual([0, 0, 0])
    expect(dropped(tcp(`*2\r\n$3\r\nGET\r\n$200\r\n${'k'.repeat(200)}\r\n`, 50), tcp(get, 400))).toEqual([1, 0])
  })

  it('tunnels by id, with what they carry and their own packets', async () => {
    await install('{ name: green, action: drop, match: { tunnel: [5, 100-102] } }')
    expect(dropped(vxlan(5, udp(9)), vxlan(6, udp(9)), geneve(5, udp(9)), gre(101, udp(9)), gre(103, udp(9)), udp(9))).toEqual([
      1, 0, 1, 1, 0, 0,
    ])
    // a ping in it belongs to the carrier's flow
    expect(dropped(vxlan(5, icmp(8)), vxlan(6, icmp(8)))).toEqual([1, 0])
    await install('{ name: both, action: drop, match: { tunnel: 5, source: { cidrs: [192.0.2.0/24, 10.0.0.3] } } }')
    expect(dropped(vxlan(5, udp(9)), vxlan(6, udp(9)), vxlan(5, udp(9, four(3)), '198.51.100.'), vxlan(5, udp(9), '198.51.100.'))).toEqual([
      1, 0, 1, 0,
    ])
    await install('{ name: outside, action: drop, match: { transport: udp, destination: { ports: [9] }, not: { tunnel: [7] } } }')
    expect(dropped(vxlan(7, udp(9)), vxlan(8, udp(9)), gre(undefined, udp(9)), udp(9))).toEqual([0, 1, 1, 1])
  })
})
