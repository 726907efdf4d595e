// SPDX-License-Identifier: Apache-2.0
// Finds flows by id, by 5-tuple in either direction and by port, each in constant time.
import { Chains, powerOfTwo } from './chains.js'
import { RecordView } from './record-view.js'
import type { Slabs } from './slabs.js'
import { type Endpoint, hashEnd, idHash, isEnd, tupleHash } from './tuple.js'

const PORTS = 65536

export class TableIndex {
  readonly #slabs: Slabs
  readonly #mask: number
  readonly #ids: Chains
  readonly #tuples: Chains
  readonly #ports: Chains
  readonly #view = new RecordView()

  constructor(slabs: Slabs) {
    const buckets = powerOfTwo(slabs.capacity)
    this.#slabs = slabs
    this.#mask = buckets - 1
    this.#ids = new Chains(buckets, slabs.capacity)
    this.#tuples = new Chains(buckets, slabs.capacity)
    this.#ports = new Chains(PORTS, 2 * slabs.capacity)
  }

  add(slot: number): void {
    const view = this.#slabs.view(slot, this.#view)
    this.#ids.add(this.#idBucket(view.idHigh, view.idLow), slot)
    this.#tuples.add(this.#tupleBucket(view), slot)
    this.#ports.add(view.port(0), 2 * slot)
    this.#ports.add(view.port(1), 2 * slot + 1)
  }
  /** Before the record is overwritten: the buckets are worked out from it. */
  remove(slot: number): void {
    const view = this.#slabs.view(slot, this.#view)
    this.#ids.remove(this.#idBucket(view.idHigh, view.idLow), slot)
    this.#tuples.remove(this.#tupleBucket(view), slot)
    this.#ports.remove(view.port(0), 2 * slot)
    this.#ports.remove(view.port(1), 2 * slot + 1)
  }

  find(high: number, low: number): number {
    const bucket = this.#idBucket(high, low)
    for (let slot = this.#ids.first(bucket); slot >= 0; slot = this.#ids.after(bucket, slot)) {
      const view = this.#slabs.view(slot, this.#view)
      if (view.idLow === low && view.idHigh === high) return slot
    }
    return -1
  }

  byTuple(l4: number, a: Endpoint, b: Endpoint, limit: number): number[] {
    const found: number[] = []
    const bucket = tupleHash(hashEnd(a), hashEnd(b), l4) & this.#mask
    for (let slot = this.#tuples.first(bucket); slot >= 0 && found.length < limit; slot = this.#tuples.after(bucket, slot)) {
      const view = this.#slabs.view(slot, this.#view)
      if (view.l4 === l4 && ((isEnd(view, 0, a) && isEnd(view, 1, b)) || (isEnd(view, 0, b) && isEnd(view, 1, a)))) found.push(slot)
    }
    return found
  }

  *byPort(port: number): Generator<number> {
    for (let item = this.#ports.first(port); item >= 0; item = this.#ports.after(port, item)) {
      const slot = item >> 1
      const view = this.#slabs.view(slot, this.#view)
      if ((item & 1) === 0 || view.port(0) !== view.port(1)) yield slot
    }
  }

  #idBucket(high: number, low: number): number {
    return (idHash(high, low) >>> 7) & this.#mask
  }
  #tupleBucket(view: RecordView): number {
    return tupleHash(hashEnd(view, 0), hashEnd(view, 1), view.l4) & this.#mask
  }
}
