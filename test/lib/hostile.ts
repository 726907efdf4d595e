// SPDX-License-Identifier: Apache-2.0
// Packets that somebody makes to confuse a parser: cut at every length, lengths that lie, tunnels in tunnels, chains of extension
// headers, fragments that overlap. Whole Ethernet frames; the same ones every run.
import { ethernet, ip, tcpSegment, udpSegment } from './synth.js'

const SHORTEST = 14 // BPF_PROG_TEST_RUN wants an Ethernet header
const A = '10.66.0.1'
const B = '10.66.0.2'
const A6 = 'fd66::1'
const B6 = 'fd66::2'

/** The frame's first 14, 15, … bytes. */
export const cuts = (frame: Buffer): Buffer[] =>
  Array.from({ length: frame.length - SHORTEST }, (_, i) => Buffer.from(frame.subarray(0, SHORTEST + i)))

/** A frame with other bytes at `offset`. */
export const patched = (frame: Buffer, offset: number, ...values: number[]): Buffer => {
  const out = Buffer.from(frame)
  for (const [i, value] of values.entries()) out[offset + i] = value
  return out
}

/** An IPv4 packet's part as a fragment: bytes `from` to `to` behind the header, said to lie at `at`. */
export function fragment(packet: Buffer, from: number, to: number, more: boolean, id: number, at = from): Buffer {
  const head = Buffer.from(packet.subarray(0, 20))
  head.writeUInt16BE(20 + to - from, 2)
  head.writeUInt16BE(id, 4)
  head.writeUInt16BE((more ? 0x2000 : 0) | (at / 8), 6)
  return ethernet(Buffer.concat([head, packet.subarray(20 + from, 20 + to)]))
}

/** IPv6 with extension headers in front of UDP: next-header numbers, each 8 bytes long. */
function chain(numbers: readonly number[]): Buffer {
  const packet = ip(A6, B6, 17, udpSegment(1000, 1001, Buffer.from('x')), 6)
  const headers = numbers.map((_, i) => Buffer.from([numbers[i + 1] ?? 17, 0, 1, 4, 0, 0, 0, 0]))
  const head = Buffer.from(packet.subarray(0, 40))
  head[6] = numbers[0] ?? 17
  head.writeUInt16BE(packet.length - 40 + 8 * numbers.length, 4)
  return ethernet(Buffer.concat([head, ...headers, packet.subarray(40)]))
}

/** IP in IP, so many times. */
function nested(depth: number): Buffer {
  let packet = ip(A, B, 17, udpSegment(1002, 1003, Buffer.from('x')), 6)
  for (let i = 0; i < depth; i++) packet = ip(A, B, 4, packet)
  return ethernet(packet)
}

/** A DNS message whose name points at itself, and one whose pointers go round. */
const loops = (): Buffer[] =>
  ['c00c', 'c00ec00c', '0161c00c', '3f'.padEnd(80, '61')].map((name) =>
    Buffer.concat([Buffer.from('123401000001000000000000', 'hex'), Buffer.from(`${name}00010001`, 'hex')]),
  )

export function hostileFrames(): Buffer[] {
  const tcp = ip(A, B, 6, tcpSegment(1004, 1005, 7, 7, 24, Buffer.from('SSH-2.0-x\r\n')), 16)
  const tcp6 = ip(A6, B6, 6, tcpSegment(1004, 1005, 7, 7, 24, Buffer.from('SSH-2.0-x\r\n')), 16)
  const udp = ip(A, B, 17, udpSegment(1006, 1007, Buffer.alloc(64, 0x61)), 6)
  const vxlan = ip(A, B, 17, udpSegment(1008, 4789, Buffer.concat([Buffer.from('0800000000002a00', 'hex'), ethernet(udp)])), 6)
  const gre = ip(A, B, 47, Buffer.concat([Buffer.from([0, 0, 8, 0]), udp]))
  const tagged = (tags: number, inner: Buffer): Buffer =>
    Buffer.concat([inner.subarray(0, 12), ...Array.from({ length: tags }, () => Buffer.from([0x81, 0, 0, 7])), inner.subarray(12)])
  const whole = [tcp, tcp6, udp, vxlan, gre].map((packet) => ethernet(packet))
  const lies = [0, 1, 15, 19, 20, 21, 27, 28, 39, 255, 0x7fff, 0xffff].flatMap((n) => [
    patched(ethernet(udp), 16, n >> 8, n & 255), // total length
    patched(ethernet(udp), 38, n >> 8, n & 255), // UDP length
    patched(ethernet(tcp6), 18, n >> 8, n & 255), // payload length
  ])
  const headers = Array.from({ length: 16 }, (_, n) => [
    patched(ethernet(tcp), 14, 0x40 | n), // header length
    patched(ethernet(tcp), 46, n << 4), // data offset
    patched(ethernet(tcp), 14, (n << 4) | 5), // version
  ]).flat()
  const big = ip(A, B, 17, udpSegment(1010, 1011, Buffer.alloc(200, 0x62)), 6)
  return [
    ...whole.flatMap(cuts),
    ...lies,
    ...headers,
    ...[1, 4, 8, 12, 24, 40].map(nested),
    ...[1, 2, 4, 8, 16].map((n) => tagged(n, ethernet(udp))),
    ...[[0], [43], [44], [60], [51], [59], Array<number>(8).fill(60), Array<number>(30).fill(60), [0, 43, 60, 44, 60]].map(chain),
    fragment(big, 64, 128, true, 1), // its first part never comes
    fragment(big, 0, 64, true, 2),
    fragment(big, 32, 128, true, 2), // overlaps the one before
    fragment(big, 0, 16, true, 3), // and again from the start, with other bytes
    fragment(big, 64, 208, false, 2, 65528), // beyond 64 KiB
    fragment(big, 0, 8, true, 4), // the UDP header alone
    fragment(tcp, 0, 8, true, 5), // the TCP header is cut
    ...loops().map((message) => ethernet(ip(A, B, 17, udpSegment(1012, 53, message), 6))),
  ]
}
