// SPDX-License-Identifier: Apache-2.0
// Conversations put together by hand: the demo capture is made of them, and tests of what recordings cannot show.
import { isIPv6 } from 'node:net'
import type { Frame } from './pcap.js'

export interface Place {
  readonly address: string
  readonly port: number
}
export const at = (address: string, port: number): Place => ({ address, port })

const FIN = 1
const SYN = 2
const RST = 4
const PSH = 8
const ACK = 16
const MSS = 1440

const u16 = (v: number): Buffer => Buffer.from([(v >> 8) & 255, v & 255])
const u32 = (v: number): Buffer => Buffer.concat([u16(v >>> 16), u16(v)])
const ip4 = (a: string): Buffer => Buffer.from(a.split('.').map(Number))
const ip6 = (a: string): Buffer => {
  const [head = '', tail] = a.split('::')
  const words = (s: string): number[] => (s === '' ? [] : s.split(':').map((w) => Number.parseInt(w, 16)))
  const front = words(head)
  const back = tail === undefined ? [] : words(tail)
  const all = tail === undefined ? front : [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back]
  return Buffer.concat(all.map(u16))
}
export const checksum = (b: Buffer): number => {
  let sum = 0
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) | (b[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** An IP packet around a transport segment whose checksum field is at `field`. */
export function ip(from: string, to: string, protocol: number, segment: Buffer, field?: number): Buffer {
  const six = isIPv6(from)
  const addresses = six ? Buffer.concat([ip6(from), ip6(to)]) : Buffer.concat([ip4(from), ip4(to)])
  if (field !== undefined) {
    const pseudo = six
      ? Buffer.concat([addresses, u32(segment.length), Buffer.from([0, 0, 0, protocol])])
      : Buffer.concat([addresses, Buffer.from([0, protocol]), u16(segment.length)])
    segment.writeUInt16BE(checksum(Buffer.concat([pseudo, segment])) || 0xffff, field)
  }
  if (six) return Buffer.concat([Buffer.from([0x60, 0, 0, 0]), u16(segment.length), Buffer.from([protocol, 64]), addresses, segment])
  const head = Buffer.concat([
    Buffer.from([0x45, 0]),
    u16(20 + segment.length),
    Buffer.from([0, 0, 0x40, 0, 64, protocol, 0, 0]),
    addresses,
  ])
  head.writeUInt16BE(checksum(head), 10)
  return Buffer.concat([head, segment])
}

export const udpSegment = (from: number, to: number, data: Buffer): Buffer =>
  Buffer.concat([u16(from), u16(to), u16(8 + data.length), u16(0), data])

export function tcpSegment(from: number, to: number, seq: number, ack: number, flags: number, data: Buffer): Buffer {
  const head = Buffer.concat([u16(from), u16(to), u32(seq), u32(ack), Buffer.from([0x50, flags]), u16(64240), u16(0), u16(0)])
  return Buffer.concat([head, data])
}

export const ethernet = (packet: Buffer): Buffer =>
  Buffer.concat([Buffer.from('020000000002020000000001', 'hex'), u16(packet[0]! >> 4 === 6 ? 0x86dd : 0x0800), packet])

const bytes = (data: Buffer | string): Buffer => (typeof data === 'string' ? Buffer.from(data, 'latin1') : data)

/** Frames in order of time; each packet is `step` seconds after the one before. */
export class Scene {
  readonly frames: Frame[] = []
  time: number
  readonly step: number
  #sequence = 1000

  constructor(time = 1_700_000_000, step = 0.0004) {
    this.time = time
    this.step = step
  }
  packet(packet: Buffer, wrap: (packet: Buffer) => Buffer = ethernet): void {
    const data = wrap(packet)
    this.frames.push({ time: this.time, link: 1, data, wire: data.length })
    this.time += this.step
  }
  udp(from: Place, to: Place, data: Buffer | string, wrap?: (packet: Buffer) => Buffer): void {
    this.packet(ip(from.address, to.address, 17, udpSegment(from.port, to.port, bytes(data)), 6), wrap)
  }
  /** A TCP connection; not opened yet. */
  tcp(client: Place, server: Place, wrap?: (packet: Buffer) => Buffer): Connection {
    this.#sequence += 70_001
    return new Connection(this, client, server, this.#sequence, wrap)
  }
  /** Handshake, the given turns, teardown. */
  talk(client: Place, server: Place, turns: readonly (readonly ['>' | '<', Buffer | string])[], wrap?: (packet: Buffer) => Buffer): void {
    const c = this.tcp(client, server, wrap).open()
    for (const [way, data] of turns) c.send(way, data)
    c.close()
  }
}

export class Connection {
  readonly #scene: Scene
  readonly #ends: readonly [Place, Place]
  readonly #next: [number, number]
  readonly #wrap: ((packet: Buffer) => Buffer) | undefined

  constructor(scene: Scene, client: Place, server: Place, sequence: number, wrap?: (packet: Buffer) => Buffer) {
    this.#scene = scene
    this.#ends = [client, server]
    this.#next = [sequence, sequence + 500_000]
    this.#wrap = wrap
  }
  /** One segment; `offset` moves its sequence number without counting it (sent again, out of order). */
  segment(way: '>' | '<', flags: number, data: Buffer = Buffer.alloc(0), offset?: number): void {
    const me = way === '>' ? 0 : 1
    const [a, b] = [this.#ends[me]!, this.#ends[1 - me]!]
    const seq = (this.#next[me]! + (offset ?? 0)) >>> 0
    const ack = flags & ACK ? this.#next[1 - me]! : 0
    this.#scene.packet(ip(a.address, b.address, 6, tcpSegment(a.port, b.port, seq, ack, flags, data), 16), this.#wrap)
    if (offset === undefined) this.#next[me]! += data.length + (flags & (SYN | FIN) ? 1 : 0)
  }
  open(): this {
    this.segment('>', SYN)
    this.segment('<', SYN | ACK)
    this.segment('>', ACK)
    return this
  }
  /** Data in segments of at most `most` bytes, and the other end's acknowledgement. */
  send(way: '>' | '<', data: Buffer | string, most = MSS): this {
    const all = bytes(data)
    for (let i = 0; i < all.length; i += most) this.segment(way, PSH | ACK, all.subarray(i, i + most))
    this.segment(way === '>' ? '<' : '>', ACK)
    return this
  }
  close(): void {
    this.segment('>', FIN | ACK)
    this.segment('<', FIN | ACK)
    this.segment('>', ACK)
  }
  reset(way: '>' | '<' = '<'): void {
    this.segment(way, RST | ACK)
  }
}
