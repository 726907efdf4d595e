// SPDX-License-Identifier: Apache-2.0
// Reader of pcap files for the tests, written apart from the one under test so that both can be compared.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

export interface Frame {
  /** Seconds since the epoch. */
  time: number
  link: number
  data: Buffer
  /** Length on the wire; more than data.length when the capture cut it. */
  wire: number
}

/** All frames of a classic pcap file, plain or gzip, either byte order, micro- or nanoseconds. */
export function readPcap(file: string): Frame[] {
  const raw = readFileSync(file)
  const b = raw.readUInt16BE(0) === 0x1f8b ? gunzipSync(raw) : raw
  const magic = b.readUInt32LE(0)
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d
  const u32 = (at: number): number => (little ? b.readUInt32LE(at) : b.readUInt32BE(at))
  const nano = u32(0) === 0xa1b23c4d
  if (!nano && u32(0) !== 0xa1b2c3d4) throw new Error(`${file}: not a pcap file`)
  const link = u32(20) & 0xffff
  const frames: Frame[] = []
  for (let at = 24; at + 16 <= b.length; ) {
    const length = u32(at + 8)
    if (at + 16 + length > b.length) throw new Error(`${file}: cut off in the middle of a packet`)
    const time = u32(at) + u32(at + 4) / (nano ? 1e9 : 1e6)
    frames.push({ time, link, data: b.subarray(at + 16, at + 16 + length), wire: u32(at + 12) })
    at += 16 + length
  }
  return frames
}

/** Writes frames as a classic little-endian pcap. */
export function pcapBytes(frames: readonly Frame[]): Buffer {
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b2c3d4, 0)
  head.writeUInt16LE(2, 4)
  head.writeUInt16LE(4, 6)
  head.writeUInt32LE(262144, 16)
  head.writeUInt32LE(frames[0]?.link ?? 1, 20)
  const parts: Buffer[] = [head]
  for (const f of frames) {
    const h = Buffer.alloc(16)
    h.writeUInt32LE(Math.floor(f.time), 0)
    h.writeUInt32LE(Math.round((f.time % 1) * 1e6) % 1e6, 4)
    h.writeUInt32LE(f.data.length, 8)
    h.writeUInt32LE(f.wire, 12)
    parts.push(h, f.data)
  }
  return Buffer.concat(parts)
}

function block(type: number, body: Buffer): Buffer {
  const padded = (body.length + 3) & ~3
  const out = Buffer.alloc(padded + 12)
  out.writeUInt32LE(type, 0)
  out.writeUInt32LE(out.length, 4)
  body.copy(out, 8)
  out.writeUInt32LE(out.length, out.length - 4)
  return out
}

/** Writes frames as pcapng: one section, one interface with nanosecond times. */
export function pcapngBytes(frames: readonly Frame[]): Buffer {
  const section = Buffer.alloc(16)
  section.writeUInt32LE(0x1a2b3c4d, 0)
  section.writeUInt16LE(1, 4)
  section.writeBigInt64LE(-1n, 8)
  const face = Buffer.alloc(20)
  face.writeUInt16LE(frames[0]?.link ?? 1, 0)
  face.writeUInt16LE(9, 8) // if_tsresol
  face.writeUInt16LE(1, 10)
  face.writeUInt8(9, 12)
  const parts: Buffer[] = [block(0x0a0d0d0a, section), block(1, face)]
  for (const f of frames) {
    const body = Buffer.alloc(20 + f.data.length)
    const ns = BigInt(Math.round(f.time * 1e6)) * 1000n
    body.writeUInt32LE(Number(ns >> 32n), 4)
    body.writeUInt32LE(Number(ns & 0xffffffffn), 8)
    body.writeUInt32LE(f.data.length, 12)
    body.writeUInt32LE(f.wire, 16)
    f.data.copy(body, 20)
    parts.push(block(6, body))
  }
  return Buffer.concat(parts)
}
