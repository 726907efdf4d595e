// SPDX-License-Identifier: Apache-2.0
// Byte strings of many lengths outside the JavaScript heap: chains of small blocks, in slabs that are added as they are needed.
// Nothing is an object, so there is nothing to collect.

const BLOCK = 64
const SLAB = 1024

export class Blocks {
  readonly #slabs: Uint8Array[] = []
  readonly #most: number
  #next = new Int32Array(0)
  /** Head of the chain of free blocks; -1 = none. */
  #free = -1
  #used = 0

  /** `bytes`: most that may be held, in whole blocks. */
  constructor(bytes: number) {
    this.#most = Math.floor(bytes / BLOCK)
  }

  get bytes(): number {
    return this.#used * BLOCK
  }

  /** Copies `length` bytes (1 at least) in; gives the first block, or -1 when there is no room. */
  put(from: Uint8Array, at: number, length: number): number {
    const count = Math.ceil(length / BLOCK)
    if (this.#used + count > this.#most) return -1
    let first = -1
    for (let i = count - 1; i >= 0; i--) {
      const block = this.#take()
      const slab = this.#slabs[(block / SLAB) | 0]!
      const to = (block % SLAB) * BLOCK
      const start = at + i * BLOCK
      const size = Math.min(BLOCK, at + length - start)
      for (let k = 0; k < size; k++) slab[to + k] = from[start + k]!
      this.#next[block] = first
      first = block
    }
    return first
  }

  /** Copies `length` bytes out, into `to` from its start. */
  read(first: number, length: number, to: Uint8Array): void {
    for (let block = first, at = 0; at < length; block = this.#next[block]!, at += BLOCK) {
      const slab = this.#slabs[(block / SLAB) | 0]!
      const from = (block % SLAB) * BLOCK
      const size = Math.min(BLOCK, length - at)
      for (let k = 0; k < size; k++) to[at + k] = slab[from + k]!
    }
  }

  /** Gives the chain back. */
  drop(first: number): void {
    for (let block = first; block >= 0; ) {
      const next = this.#next[block]!
      this.#next[block] = this.#free
      this.#free = block
      this.#used--
      block = next
    }
  }

  #take(): number {
    if (this.#free < 0) this.#grow()
    const block = this.#free
    this.#free = this.#next[block]!
    this.#used++
    return block
  }

  #grow(): void {
    const base = this.#slabs.length * SLAB
    if (this.#next.length < base + SLAB) {
      const longer = new Int32Array(Math.max(SLAB, 2 * this.#next.length))
      longer.set(this.#next)
      this.#next = longer
    }
    this.#slabs.push(new Uint8Array(SLAB * BLOCK))
    for (let i = base; i < base + SLAB; i++) this.#next[i] = i + 1 < base + SLAB ? i + 1 : -1
    this.#free = base
  }
}
