// SPDX-License-Identifier: Apache-2.0
// Labels of flows. They stay packed as they came until somebody asks: few of them are ever read. Their bytes come from strangers,
// so there is a budget: beyond it new labels are refused and counted. Labels may be read before the flow's first record is:
// these wait, a bounded number of them.
import { Blocks } from './blocks.js'
import { type Labels, MOST, mergeLabels, readLabels } from './packed-labels.js'
import { idHash } from './tuple.js'

/** Rooms for labels whose flow is not known yet; by the flow's number, so one may push another out. */
const WAITING = 4096

export class LabelStore {
  readonly #blocks: Blocks
  readonly #first: Int32Array
  readonly #length: Uint16Array
  /** The slots behind those of the flows are the rooms of labels that wait. */
  readonly #rooms: number
  readonly #waitsFor = new Uint32Array(2 * WAITING)
  readonly #old = new Uint8Array(MOST)
  readonly #oldView = new DataView(this.#old.buffer)
  readonly #merged = new Uint8Array(MOST)
  #refused = 0

  /** `slots`: of flows; `budget`: bytes. */
  constructor(slots: number, budget: number) {
    this.#blocks = new Blocks(budget)
    this.#rooms = slots
    this.#first = new Int32Array(slots + WAITING).fill(-1)
    this.#length = new Uint16Array(slots + WAITING)
  }

  get bytes(): number {
    return this.#blocks.bytes
  }
  /** Label sets that were dropped for want of room. */
  get refused(): number {
    return this.#refused
  }
  /** Decoded anew at each call. */
  get(slot: number): Labels | undefined {
    const first = this.#first[slot]!
    if (first < 0) return undefined
    const length = this.#length[slot]!
    this.#blocks.read(first, length, this.#old)
    return readLabels(this.#oldView, 0, length)
  }

  /** Adds packed labels to what the flow has; a newer value of the same key wins. False when nothing changed or there is no room. */
  put(slot: number, packed: Uint8Array, from: number, to: number): boolean {
    const first = this.#first[slot]!
    const length = first < 0 ? 0 : this.#length[slot]!
    if (first >= 0) this.#blocks.read(first, length, this.#old)
    const size = mergeLabels(this.#merged, packed, from, to, this.#old, length)
    if (size === length && this.#same(length)) return false
    // What was there stays when there is no room for both: it is dropped only after the copy.
    const kept = this.#blocks.put(this.#merged, 0, size)
    if (kept < 0) {
      this.#refused++
      return false
    }
    if (first >= 0) this.#blocks.drop(first)
    this.#first[slot] = kept
    this.#length[slot] = size
    return true
  }
  drop(slot: number): void {
    const first = this.#first[slot]!
    if (first < 0) return
    this.#blocks.drop(first)
    this.#first[slot] = -1
  }

  /** Keeps labels of a flow that is not known yet. */
  wait(high: number, low: number, packed: Uint8Array, from: number, to: number): void {
    const room = this.#room(high, low)
    const slot = this.#rooms + room
    if (this.#first[slot]! >= 0 && !this.#isFor(room, high, low)) {
      this.drop(slot)
      this.#refused++
    }
    this.put(slot, packed, from, to)
    this.#waitsFor[2 * room] = high
    this.#waitsFor[2 * room + 1] = low
  }
  /** Gives labels that waited for this flow to its slot, which has none. */
  claim(high: number, low: number, slot: number): void {
    const room = this.#room(high, low)
    const from = this.#rooms + room
    if (this.#first[from]! < 0 || !this.#isFor(room, high, low)) return
    this.#first[slot] = this.#first[from]!
    this.#length[slot] = this.#length[from]!
    this.#first[from] = -1
  }

  #room(high: number, low: number): number {
    return idHash(high, low) >>> 20
  }
  #isFor(room: number, high: number, low: number): boolean {
    return this.#waitsFor[2 * room] === high && this.#waitsFor[2 * room + 1] === low
  }
  #same(length: number): boolean {
    for (let i = 0; i < length; i++) if (this.#old[i] !== this.#merged[i]) return false
    return true
  }
}
