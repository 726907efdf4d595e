// SPDX-License-Identifier: Apache-2.0
// Rules that reject, in the loaded programs: the answer, byte for byte, and to what there is none.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { COUNTERS, RULE_HITS, RULES_SWITCH } from '../../src/gen/abi.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { until } from '../lib/process.js'
import { checksum, ethernet, ip, tcpSegment, udpSegment } from '../lib/synth.js'
import { unavailable } from './flow-states.js'

const addon = loadAddon()
const [PASS, DROP, TX] = [2, 1, 3]
const [NEXT, SHOT, REDIRECT] = [0xffffffff, 2, 7]
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]
const pairs = [
  ['10.9.0.1', '10.9.0.2'],
  ['2001:db8:9::1', '2001:db8:9::2'],
] as const
const six = (address: string) => address.includes(':')
const tags = {
  plain: (frame: Buffer) => frame,
  VLAN: (frame: Buffer) => Buffer.concat([frame.subarray(0, 12), Buffer.from('81002005', 'hex'), frame.subarray(12)]),
  QinQ: (frame: Buffer) => Buffer.concat([frame.subarray(0, 12), Buffer.from('88a8000781000005', 'hex'), frame.subarray(12)]),
}
/** As its receiver sends it. */
const back = (frame: Buffer): Buffer => Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12)])
const tcp = (from: string, to: string, seq: number, ack: number, flags: number, data = '', ports = [4000, 80]): Buffer =>
  ip(from, to, 6, tcpSegment(ports[0] as number, ports[1] as number, seq, ack, flags, Buffer.from(data)), 16)
const udp = (from: string, to: string, size: number): Buffer => ip(from, to, 17, udpSegment(4000, 53, Buffer.alloc(size, 65)), 6)
const reset = (from: string, to: string, seq: number, ack: number, flags: number): Buffer => {
  const segment = tcpSegment(80, 4000, seq, ack, flags, Buffer.alloc(0))
  segment.writeUInt16BE(0, 14)
  return ip(to, from, 6, segment, 16)
}
const echo = (from: string, to: string, type = six(from) ? 128 : 8): Buffer =>
  ip(from, to, six(from) ? 58 : 1, Buffer.concat([Buffer.from([type, 0, 0, 0, 0, 1, 0, 1]), Buffer.alloc(21, 7)]), 2)
const unreachable = (from: string, to: string, code: number, packet: Buffer): Buffer => {
  const quote = packet.subarray(0, Math.min(128, packet.length) & ~3)
  const message = Buffer.concat([Buffer.from([six(from) ? 1 : 3, code, 0, 0, 0, 0, 0, 0]), quote])
  if (six(from)) return ip(to, from, 58, message, 2)
  message.writeUInt16BE(checksum(message), 2)
  return ip(to, from, 1, message)
}

const reason = unavailable()
describe.skipIf(reason !== undefined)(`rules that reject${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    kernel = await addon.openKernel({ flows: 4096, pending: 1024, without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_filter'] })
  })
  afterEach(() => kernel.installRules(null))
  afterAll(() => kernel?.close())

  const install = (rules: string): Promise<number> =>
    kernel.installRules(compileRules(loadRules([{ name: 'test.yaml', text: `rules: [${rules}]` }]).rules, [{ name: 'lo', index: 1 }]))
  const all = (match = '{}') => install(`{ name: no, action: reject, match: ${match} }`)
  const counter = (name: (typeof COUNTERS)[number]['name']): number => Number(kernel.counters()[COUNTERS.findIndex((c) => c.name === name)])
  /** The frame that XDP and TC at both hooks send back, which is the same; nothing when they drop it. */
  function answered(frame: Buffer): string | undefined {
    const xdp = kernel.testRun('fi_xdp', frame)
    for (const program of ['fi_tc_ingress', 'fi_tc_egress']) {
      const tc = kernel.testRun(program, frame)
      expect([DROP, SHOT, TX, REDIRECT]).toEqual(expect.arrayContaining([xdp.retval, tc.retval]))
      expect(tc.retval === REDIRECT).toBe(xdp.retval === TX)
      if (xdp.retval === TX) expect(Buffer.from(tc.data).toString('hex')).toBe(Buffer.from(xdp.data).toString('hex'))
    }
    return xdp.retval === TX ? Buffer.from(xdp.data).toString('hex') : undefined
  }
  const hex = (frame: Buffer): string => frame.toString('hex')

  for (const [from, to] of pairs)
    describe.each(Object.entries(tags))(`IPv${six(from) ? 6 : 4}, %s`, (_name, tag) => {
      const said = (packet: Buffer) => answered(tag(ethernet(packet)))
      const wanted = (packet: Buffer) => hex(back(tag(ethernet(packet))))

      it('a connection is reset, its opening and later', async () => {
        await all('{ transport: tcp }')
        expect(said(tcp(from, to, 0xffffffff, 0, SYN))).toBe(wanted(reset(from, to, 0, 0, RST | ACK)))
        expect(said(tcp(from, to, 100, 0, SYN, 'early'))).toBe(wanted(reset(from, to, 0, 106, RST | ACK)))
        expect(said(tcp(from, to, 101, 70_000, ACK, 'x'.repeat(1200)))).toBe(wanted(reset(from, to, 70_000, 0, RST)))
        expect(said(tcp(from, to, 101, 0, FIN))).toBe(wanted(reset(from, to, 0, 102, RST | ACK)))
        expect(said(tcp(from, to, 101, 7, FIN | ACK))).toBe(wanted(reset(from, to, 7, 0, RST)))
        for (const flags of [RST, RST | ACK]) expect(said(tcp(from, to, 101, 7, flags))).toBeUndefined()
      })

      it('a datagram is told that nobody listens, with its beginning, whatever its size', async () => {
        await all('{ transport: udp }')
        for (const size of [0, 1, 2, 3, 4, 60, 100, 101, 1400]) {
          const packet = udp(from, to, size)
          expect(said(packet)).toBe(wanted(unreachable(from, to, six(from) ? 4 : 3, packet)))
        }
      })

      it('other packets are told that they are not wanted, ICMP only when it asks for an echo', async () => {
        await all()
        expect(said(echo(from, to))).toBe(wanted(unreachable(from, to, six(from) ? 1 : 13, echo(from, to))))
        const other = ip(from, to, 99, Buffer.alloc(40, 3))
        expect(said(other)).toBe(wanted(unreachable(from, to, six(from) ? 1 : 13, other)))
        for (const type of six(from) ? [1, 2, 3, 4, 129, 133, 135, 136] : [0, 3, 4, 5, 11, 12, 13])
          expect(said(echo(from, to, type))).toBeUndefined()
      })
    })

  it('the options of the packet are not in the answer, what is told of a datagram has them', async () => {
    await all()
    const four = (packet: Buffer): Buffer => {
      const out = Buffer.concat([packet.subarray(0, 20), Buffer.from('01010100', 'hex'), packet.subarray(20)])
      out[0] = 0x46
      out.writeUInt16BE(out.length, 2)
      return out
    }
    const [[a, b], [c, d]] = pairs
    expect(answered(ethernet(four(tcp(a, b, 100, 0, SYN))))).toBe(hex(back(ethernet(reset(a, b, 0, 101, RST | ACK)))))
    expect(answered(ethernet(four(udp(a, b, 9))))).toBe(hex(back(ethernet(unreachable(a, b, 3, four(udp(a, b, 9)))))))
    const options = (packet: Buffer): Buffer => {
      const out = Buffer.concat([packet.subarray(0, 40), Buffer.from([packet[6] as number, 0, 1, 4, 0, 0, 0, 0]), packet.subarray(40)])
      out[6] = 60
      out.writeUInt16BE(out.length - 40, 4)
      return out
    }
    expect(answered(ethernet(options(tcp(c, d, 100, 0, SYN))))).toBe(hex(back(ethernet(reset(c, d, 0, 101, RST | ACK)))))
    expect(answered(ethernet(options(udp(c, d, 9))))).toBe(hex(back(ethernet(unreachable(c, d, 4, options(udp(c, d, 9)))))))
  })

  it('what is not from one host to one host is dropped in silence; so are fragments and tunnels', async () => {
    await all()
    for (const [from, to] of [
      ['10.9.0.1', '224.0.0.251'],
      ['10.9.0.1', '255.255.255.255'],
      ['0.0.0.0', '10.9.0.2'],
      ['2001:db8::1', 'ff02::1'],
      ['::', '2001:db8::1'],
      ['ff02::1', '2001:db8::1'],
    ] as const)
      expect(answered(ethernet(udp(from, to, 9))), `${from} > ${to}`).toBeUndefined()
    const broadcast = ethernet(udp('10.9.0.1', '10.9.0.255', 9))
    broadcast.fill(0xff, 0, 6)
    expect(answered(broadcast)).toBeUndefined()
    for (const offset of [0x2000, 0x00b9]) {
      const fragment = udp('10.9.0.1', '10.9.0.2', 64)
      fragment.writeUInt16BE(offset, 6)
      expect(kernel.testRun('fi_xdp', ethernet(fragment)).retval).toBe(DROP)
    }
    const inner = Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0, 5, 0]), ethernet(tcp('10.9.1.1', '10.9.1.2', 1, 0, SYN))])
    expect(answered(ethernet(ip('10.9.0.1', '10.9.0.2', 17, udpSegment(5000, 4789, inner), 6)))).toBeUndefined()
    for (const size of [20, 24]) expect(answered(ethernet(ip('10.9.0.1', '10.9.0.2', 99, Buffer.alloc(size - 20))))).toBeUndefined()
  })

  it('the order of the rules decides; each packet is answered, and counted as dropped', async () => {
    await install(
      '{ name: may, action: pass, match: { source: { ports: [4001] } } }, { name: no, action: reject, match: { transport: tcp } }, ' +
        '{ name: still, action: drop, match: {} }',
    )
    const syn = (port: number) => ethernet(tcp('10.9.2.1', '10.9.2.2', 5, 0, SYN, '', [port, 80]))
    const before = counter('rule_answer')
    for (let n = 0; n < 5; n++) expect([syn(4000), syn(4001)].map((frame) => kernel.testRun('fi_xdp', frame).retval)).toEqual([TX, PASS])
    expect(kernel.testRun('fi_xdp', ethernet(udp('10.9.2.1', '10.9.2.2', 1))).retval).toBe(DROP)
    expect(counter('rule_answer') - before).toBe(5)
    const data = new DataView(await kernel.ruleHits(3))
    const at = (i: number, member: number) => Number(data.getBigUint64(RULES_SWITCH.sizeof + i * RULE_HITS.sizeof + member, true))
    expect([1, 2].map((i) => [at(i, RULE_HITS.packets), at(i, RULE_HITS.dropped)])).toEqual([
      [5, 5],
      [1, 1],
    ])
    await install('{ name: no, action: reject, audit: true, match: {} }')
    expect(kernel.testRun('fi_xdp', syn(4000)).retval).toBe(PASS)
  })

  it('a flow that is rejected by its protocol is reset in both directions, each time', async () => {
    await install('{ name: no-redis, action: reject, match: { protocol: redis, destination: { ports: [7777] } } }')
    const [a, b] = ['10.9.3.1', '10.9.3.2']
    const get = '*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    const xdp = (packet: Buffer) => kernel.testRun('fi_xdp', ethernet(packet)).retval
    expect(xdp(tcp(a, b, 0, 0, SYN, '', [4000, 7777]))).toBe(PASS)
    const reply = tcp(b, a, 1, 1 + get.length, ACK, '+OK\r\n', [7777, 4000])
    for (let n = 0; n < 3; n++) expect([xdp(tcp(a, b, 1, 1, ACK, get, [4000, 7777])), xdp(reply)]).toEqual([TX, TX])
    // Another connection is not the one that was rejected; resets have no answer.
    expect(xdp(tcp(a, b, 0, 0, SYN, '', [4001, 7777]))).toBe(PASS)
    expect(xdp(tcp(a, b, 1, 1, RST, '', [4000, 7777]))).toBe(DROP)
  })

  it('answers have a rate; packets are dropped above it, and answered again when it is over', { timeout: 20_000 }, async () => {
    await all('{ transport: tcp }')
    const syn = ethernet(tcp('10.9.4.1', '10.9.4.2', 5, 0, SYN))
    const kept = counter('rule_unanswered')
    const said = new Set<number>()
    for (let n = 0; n < 100_000 && counter('rule_unanswered') === kept; n++) said.add(kernel.testRun('fi_xdp', syn).retval)
    expect([...said].sort()).toEqual([DROP, TX])
    await until('an answer', () => kernel.testRun('fi_xdp', syn).retval === TX, 5000)
    expect(NEXT).toBe(kernel.testRun('fi_tc_ingress', ethernet(udp('10.9.4.1', '10.9.4.2', 5))).retval)
  })
})
