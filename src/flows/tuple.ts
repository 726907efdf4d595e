// SPDX-License-Identifier: Apache-2.0
// Hashes of flow numbers and of tuple ends, and their comparison. The hash of a pair of ends does not depend on which comes first.
import type { End, RecordView } from './record-view.js'

/** An address (16 bytes, IPv4 mapped) and a port, as somebody asks for it. */
export interface Endpoint {
  readonly bytes: Uint8Array
  readonly port: number
}

/** Of a 64-bit number, by its halves; the upper bits are the best mixed. */
export const idHash = (high: number, low: number): number => Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1)

const mix = (hash: number, word: number): number => {
  const h = Math.imul(hash ^ word, 0x9e3779b1)
  return h ^ (h >>> 15)
}

const hashAt = (data: DataView, at: number, port: number): number => {
  let hash = port
  for (let i = 0; i < 16; i += 4) hash = mix(hash, data.getUint32(at + i, true))
  return hash
}

export function hashEnd(endpoint: Endpoint): number
export function hashEnd(view: RecordView, end: End): number
export function hashEnd(of: Endpoint | RecordView, end?: End): number {
  if (end !== undefined) {
    const view = of as RecordView
    return hashAt(view.data, view.addressAt(end), view.port(end))
  }
  const { bytes, port } = of as Endpoint
  return hashAt(new DataView(bytes.buffer, bytes.byteOffset, 16), 0, port)
}

export const tupleHash = (a: number, b: number, l4: number): number => mix((a + b) | 0, l4) >>> 1

export const isEnd = (view: RecordView, end: End, endpoint: Endpoint): boolean => {
  if (view.port(end) !== endpoint.port) return false
  const at = view.addressAt(end)
  for (let i = 0; i < 16; i++) if (view.data.getUint8(at + i) !== endpoint.bytes[i]) return false
  return true
}
