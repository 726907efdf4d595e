// SPDX-License-Identifier: Apache-2.0
// Labels as they come in records (struct fi_labels): u16 id, u16 length (both little endian), then the bytes; again for the next.
// Id 0 is padding at the end.
import { LABELS, labelKey } from '../gen/protocols.js'
import { bytesOf } from './buffers.js'
import { LABELS as RECORD } from './layout.js'
import { readText } from './text.js'

export type Labels = ReadonlyMap<string, string>

const HEAD = 4
/** Bytes of one flow's labels: what does not fit is left out. */
export const MOST = 0xffff

/** Decodes packed labels between two places; of several with one key the first. Stops at the first that does not fit. */
export const readLabels = (data: DataView, from: number, to: number): Map<string, string> => {
  const labels = new Map<string, string>()
  for (let at = from; at + HEAD <= to; ) {
    const id = data.getUint16(at, true)
    const length = data.getUint16(at + 2, true)
    if (id === 0 || at + HEAD + length > to) break
    const key = labelKey(id)
    if (key !== undefined && !labels.has(key)) labels.set(key, readText(data, at + HEAD, length))
    at += HEAD + length
  }
  return labels
}

const idOf = new Map(LABELS.map(({ id, key }) => [key, id]))

/** The other way; keys that no label has are left out, long values are cut. */
export const packLabels = (labels: Labels): Uint8Array => {
  const parts: Buffer[] = []
  for (const [key, value] of labels) {
    const id = idOf.get(key)
    if (id === undefined) continue
    const bytes = Buffer.from(value).subarray(0, MOST - HEAD)
    const head = Buffer.alloc(HEAD)
    head.writeUInt16LE(id, 0)
    head.writeUInt16LE(bytes.length, 2)
    parts.push(head, bytes)
  }
  return Buffer.concat(parts)
}

const word = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

/** Appends those labels of from[at … end) that `into` does not have yet; gives the new size of `into`. */
const append = (into: Uint8Array, size: number, from: Uint8Array, start: number, end: number): number => {
  let to = size
  for (let at = start; at + HEAD <= end; ) {
    const id = word(from, at)
    const next = at + HEAD + word(from, at + 2)
    if (id === 0 || next > end) break
    let known = to + next - at > into.length
    for (let seen = 0; seen < size && !known; seen += HEAD + word(into, seen + 2)) known = word(into, seen) === id
    if (!known) for (let i = at; i < next; i++) into[to++] = from[i]!
    at = next
  }
  return to
}

/** Writes both to `into`, the newer value where both have a key, in the order of the newer; gives the size. */
export const mergeLabels = (into: Uint8Array, newer: Uint8Array, from: number, to: number, older: Uint8Array, length: number): number =>
  append(into, append(into, 0, newer, from, to), older, 0, length)

/** Reads one labels record in place: move it with `set`, then ask. */
export class LabelsView {
  #data: DataView = new DataView(new ArrayBuffer(RECORD.bytes))
  #at = 0
  #end = 0

  set(data: DataView, at: number, size: number): this {
    this.#data = data
    this.#at = at
    this.#end = at + size
    return this
  }
  /** Number of the flow. */
  get idLow(): number {
    return this.#data.getUint32(this.#at + RECORD.id, true)
  }
  get idHigh(): number {
    return this.#data.getUint32(this.#at + RECORD.id + 4, true)
  }
  get id(): bigint {
    return this.#data.getBigUint64(this.#at + RECORD.id, true)
  }
  get labels(): Labels {
    return readLabels(this.#data, this.#at + RECORD.bytes, this.#end)
  }
  /** Where the packed labels are: from … to - 1 of `bytes`. */
  get bytes(): Uint8Array {
    return bytesOf(this.#data.buffer)
  }
  get from(): number {
    return this.#data.byteOffset + this.#at + RECORD.bytes
  }
  get to(): number {
    return this.#data.byteOffset + this.#end
  }
}
