// SPDX-License-Identifier: Apache-2.0
// Buckets of small integers in typed arrays: circular doubly linked lists, so that adding, removing and taking the oldest
// cost the same whatever the length, and nothing is allocated. One item is in one bucket at a time.

const NONE = -1

export class Chains {
  readonly #heads: Int32Array
  readonly #next: Int32Array
  readonly #prev: Int32Array

  constructor(buckets: number, items: number) {
    this.#heads = new Int32Array(buckets).fill(NONE)
    this.#next = new Int32Array(items)
    this.#prev = new Int32Array(items)
  }

  /** The newest item of a bucket, or -1. */
  first(bucket: number): number {
    return this.#heads[bucket]!
  }
  /** The oldest item of a bucket, or -1. */
  last(bucket: number): number {
    const head = this.#heads[bucket]!
    return head === NONE ? NONE : this.#prev[head]!
  }
  /** The next older item, or -1. */
  after(bucket: number, item: number): number {
    const next = this.#next[item]!
    return next === this.#heads[bucket] ? NONE : next
  }
  add(bucket: number, item: number): void {
    const head = this.#heads[bucket]!
    if (head === NONE) {
      this.#next[item] = this.#prev[item] = item
    } else {
      const last = this.#prev[head]!
      this.#next[item] = head
      this.#prev[item] = last
      this.#next[last] = this.#prev[head] = item
    }
    this.#heads[bucket] = item
  }
  remove(bucket: number, item: number): void {
    const next = this.#next[item]!
    if (next === item) {
      this.#heads[bucket] = NONE
      return
    }
    const prev = this.#prev[item]!
    this.#next[prev] = next
    this.#prev[next] = prev
    if (this.#heads[bucket] === item) this.#heads[bucket] = next
  }
}

/** Power of two that is at least n. */
export const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(2, n)))
