// SPDX-License-Identifier: Apache-2.0
// Packets for the benchmarks: Ethernet, IPv4, TCP.

export interface Packet {
  source: number
  sport: number
  dport: number
  flip?: boolean
  flags?: number
  seq?: number
  payload?: Buffer
}

const DESTINATION = 0x0a636363

/** A whole frame; checksums are left zero, since nothing here looks at them. */
export function packet(p: Packet): Buffer {
  const payload = p.payload ?? Buffer.alloc(0)
  const b = Buffer.alloc(54 + payload.length)
  b.writeUInt16BE(0x0800, 12)
  b[14] = 0x45
  b.writeUInt16BE(40 + payload.length, 16)
  b[22] = 64
  b[23] = 6
  b.writeUInt32BE(p.flip ? DESTINATION : p.source, 26)
  b.writeUInt32BE(p.flip ? p.source : DESTINATION, 30)
  b.writeUInt16BE(p.flip ? p.dport : p.sport, 34)
  b.writeUInt16BE(p.flip ? p.sport : p.dport, 36)
  b.writeUInt32BE(p.seq ?? 0, 38)
  b[46] = 0x50
  b[47] = p.flags ?? 0x10
  payload.copy(b, 54)
  return b
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
