// SPDX-License-Identifier: Apache-2.0
// Flow records in slabs: memory grows with the flows there are, a slab at a time, and no record is ever an object.
import { OWNER, RECORD } from './layout.js'
import type { RecordView } from './record-view.js'

const SLAB = 1024

export class Slabs {
  readonly #slabs: DataView[] = []
  readonly capacity: number
  readonly #free: Int32Array
  #freeCount = 0
  #fresh = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#free = new Int32Array(capacity)
  }

  get bytes(): number {
    return this.#slabs.length * SLAB * RECORD.size
  }
  /** Slots ever in use: the range to walk. */
  get end(): number {
    return this.#fresh
  }

  /** A free slot, or -1. */
  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount]!
    if (this.#fresh >= this.capacity) return -1
    if (this.#fresh % SLAB === 0) this.#slabs.push(new DataView(new ArrayBuffer(SLAB * RECORD.size)))
    return this.#fresh++
  }
  give(slot: number): void {
    this.#free[this.#freeCount++] = slot
  }

  data(slot: number): DataView {
    return this.#slabs[(slot / SLAB) | 0]!
  }
  at(slot: number): number {
    return (slot % SLAB) * RECORD.size
  }
  view(slot: number, view: RecordView): RecordView {
    return view.set(this.data(slot), this.at(slot))
  }

  /**
   * Copies a record in; true when its owner is not the one that was there. `known`: the slot has this flow already, and
   * keeps its owner when the record names none (the kernel's tables of unconnected sockets hold no owners).
   */
  write(slot: number, from: DataView, at: number, known: boolean): boolean {
    const to = this.data(slot)
    const base = this.at(slot)
    let changed = false
    const end = known && from.getUint8(at + RECORD.owner + OWNER.how) === 0 ? RECORD.owner : RECORD.size
    for (let i = 0; i < end; i += 4) {
      const word = from.getUint32(at + i, true)
      if (i >= RECORD.owner && to.getUint32(base + i, true) !== word) changed = true
      to.setUint32(base + i, word, true)
    }
    return changed
  }

  sameTuple(slot: number, from: DataView, at: number): boolean {
    const to = this.data(slot)
    const base = this.at(slot)
    for (let i = RECORD.tuple; i < RECORD.role; i += 4) if (to.getUint32(base + i) !== from.getUint32(at + i)) return false
    return true
  }

  /** Marks a record whose end was not told as ended. */
  close(slot: number, flag: number, state: number): void {
    const data = this.data(slot)
    const base = this.at(slot)
    data.setUint8(base + RECORD.flags, data.getUint8(base + RECORD.flags) | flag)
    data.setUint8(base + RECORD.state, state)
  }
}
