// SPDX-License-Identifier: Apache-2.0
// Every flow that is live, and the last ones that ended. Bounded: `flows` live ones, `history` ended ones. Found by id, by
// 5-tuple in either direction and by port, each in constant time. Fed by dumps and by the ring buffer; the kernel's
// counters do not depend on it, so what does not fit here is missing in lists only.
import { Chains } from './chains.js'
import { LabelStore } from './labels.js'
import { FLAG, STATE, TYPE } from './layout.js'
import type { Labels } from './packed-labels.js'
import { RecordView } from './record-view.js'
import { Slabs } from './slabs.js'
import { TableIndex } from './table-index.js'
import type { ChangeKind, ChangeListener, TableLimits } from './table-types.js'
import type { Endpoint } from './tuple.js'

const [FREE, LIVE, ENDED] = [0, 1, 2]

export class FlowTable {
  readonly #limits: TableLimits
  readonly #slabs: Slabs
  readonly #labels: LabelStore
  readonly #status: Uint8Array
  readonly #stamp: Uint32Array
  readonly #tags: Int32Array
  readonly #index: TableIndex
  readonly #ended: Chains
  readonly #view = new RecordView()
  #generation = 1
  /** Newest record time: what idle is measured against. */
  #latest = 0
  #live = 0
  #endedCount = 0
  readonly #listeners: ChangeListener[] = []
  #ownerListener: ((slot: number) => void) | undefined
  /** Flows that had no room, that left a dump without an end record, and that fell out of the history. */
  readonly losses = { full: 0, vanished: 0, forgotten: 0 }

  constructor(limits: TableLimits) {
    const capacity = limits.flows + limits.history
    this.#limits = limits
    this.#slabs = new Slabs(capacity)
    this.#labels = new LabelStore(capacity, limits.labelBytes)
    this.#status = new Uint8Array(capacity)
    this.#stamp = new Uint32Array(capacity)
    this.#tags = new Int32Array(capacity)
    this.#index = new TableIndex(this.#slabs)
    this.#ended = new Chains(1, capacity)
  }

  get live(): number {
    return this.#live
  }
  get ended(): number {
    return this.#endedCount
  }
  get labelsRefused(): number {
    return this.#labels.refused
  }
  /** Slot of the flow that ended first of those that are kept; -1 = none ended. */
  oldestEnded(): number {
    return this.#ended.last(0)
  }
  /** Time of the newest record, CLOCK_MONOTONIC. */
  get latestNs(): number {
    return this.#latest
  }
  /** Slots to walk: 0 … end - 1; `present` says which hold a flow. */
  get end(): number {
    return this.#slabs.end
  }
  present(slot: number): boolean {
    return (this.#status[slot] ?? FREE) !== FREE
  }
  isLive(slot: number): boolean {
    return this.#status[slot] === LIVE
  }
  view(slot: number, into: RecordView): RecordView {
    return this.#slabs.view(slot, into)
  }
  /** Decoded anew at each call. */
  labels(slot: number): Labels | undefined {
    return this.#labels.get(slot)
  }
  /** A number that others keep with a flow; back to 0 whenever its owner or its labels change. */
  tag(slot: number): number {
    return this.#tags[slot]!
  }
  setTag(slot: number, tag: number): void {
    this.#tags[slot] = tag
  }
  clearTags(): void {
    this.#tags.fill(0)
  }
  onChange(listener: ChangeListener): void {
    this.#listeners.push(listener)
  }
  /** Told of each new flow that has an owner, and of each flow that got another one. */
  onOwner(listener: (slot: number) => void): void {
    this.#ownerListener = listener
  }

  #tell(kind: ChangeKind, slot: number): void {
    for (const listener of this.#listeners) listener(kind, slot)
  }

  find(high: number, low: number): number {
    return this.#index.find(high, low)
  }
  /** Flows between two endpoints, whichever opened; newest first, at most `limit`. */
  byTuple(l4: number, a: Endpoint, b: Endpoint, limit: number): number[] {
    return this.#index.byTuple(l4, a, b, limit)
  }
  /** Slots of flows with this port at either end, newest first. Not to be kept over a change of the table. */
  byPort(port: number): Generator<number> {
    return this.#index.byPort(port)
  }

  /** A record from a dump or from the ring. Gives the slot, or -1 when it was not taken. */
  put(record: RecordView): number {
    const { data, at, type, idHigh, idLow } = record
    const over = type === TYPE.end || record.stateNumber === STATE.ended
    if (record.nowNs > this.#latest) this.#latest = record.nowNs
    let slot = this.find(idHigh, idLow)
    let fresh = false
    if (slot < 0) {
      fresh = true
      // What lingers in the kernel after its end is dumped too: that end was told when it happened.
      if (type === TYPE.flow && (over || this.#idle(record))) return -1
      slot = this.#insert(record, over)
      if (slot < 0) return -1
    } else if (!this.#slabs.sameTuple(slot, data, at)) {
      this.#remove(slot) // the number was given anew
      return this.put(record)
    } else if (this.#status[slot] === ENDED) {
      // A dump may be older than the end that the ring has told; only new packets bring a flow back.
      if (over || record.lastNs <= this.view(slot, this.#view).lastNs) return slot
      this.#revive(slot)
    } else if (record.nowNs < this.view(slot, this.#view).nowNs) {
      this.#stamp[slot] = this.#generation // the ring has told of something newer meanwhile
      return slot
    }
    if (this.#slabs.write(slot, data, at, !fresh) || fresh) {
      this.#tags[slot] = 0
      if (this.view(slot, this.#view).owned) this.#ownerListener?.(slot)
    }
    this.#stamp[slot] = this.#generation
    if (over) this.#finish(slot)
    if (type === TYPE.verdict) {
      this.#tags[slot] = 0 // rules may look at the protocol
      this.#tell('verdict', slot)
    }
    return slot
  }

  /** Packed labels (from … to - 1) of the flow with this number, which may not be known yet. */
  putLabels(high: number, low: number, packed: Uint8Array, from = 0, to = packed.length): void {
    const slot = this.find(high, low)
    if (slot < 0) this.#labels.wait(high, low, packed, from, to)
    else if (this.#labels.put(slot, packed, from, to)) {
      this.#tags[slot] = 0
      this.#tell('labels', slot)
    }
  }

  /** Before a dump is asked for: what is not seen from here on is gone. */
  beginDump(): void {
    this.#generation++
  }
  /** After a dump was taken in: ends live flows that it and the one before do not have, and idle ones. Walks `budget` slots, gives the next or -1. */
  sweep(from: number, budget: number): number {
    const to = Math.min(from + budget, this.end)
    for (let slot = from; slot < to; slot++) {
      if (this.#status[slot] !== LIVE) continue
      const view = this.view(slot, this.#view)
      if (this.#stamp[slot]! >= this.#generation) {
        if (this.#idle(view)) this.#finish(slot)
        continue
      }
      const flow = view.payloadPackets(0) + view.payloadPackets(1) > 0
      if (flow && this.#stamp[slot] === this.#generation - 1) continue // its end may be on its way through the ring
      this.losses.vanished++
      if (flow) this.#finish(slot)
      else this.#remove(slot) // a handshake's state moves to the accepted socket under another id: no flow of its own
    }
    return to < this.end ? to : -1
  }

  #idle(view: RecordView): boolean {
    const { tcp, udp, other } = this.#limits.idle
    const seconds = view.l4 === 6 ? tcp : view.l4 === 17 ? udp : other
    return this.#latest - view.lastNs > seconds * 1e9
  }

  #insert(record: RecordView, over: boolean): number {
    if (!over && this.#live >= this.#limits.flows) {
      this.losses.full++
      return -1
    }
    if (over && this.#endedCount >= this.#limits.history) this.#forgetOldest()
    const slot = this.#slabs.take()
    if (slot < 0) {
      this.losses.full++
      return -1
    }
    this.#slabs.write(slot, record.data, record.at, false)
    this.#tags[slot] = 0
    this.#status[slot] = LIVE
    this.#live++
    const view = this.view(slot, this.#view)
    this.#index.add(slot)
    this.#labels.claim(view.idHigh, view.idLow, slot)
    return slot
  }

  #finish(slot: number): void {
    if (this.#status[slot] !== LIVE) return
    this.#slabs.close(slot, FLAG.closed, STATE.ended)
    this.#status[slot] = ENDED
    this.#live--
    this.#ended.add(0, slot)
    this.#endedCount++
    this.#tell('end', slot)
    while (this.#endedCount > this.#limits.history) this.#forgetOldest()
  }

  /** A flow that was taken for gone is there after all. */
  #revive(slot: number): void {
    this.#ended.remove(0, slot)
    this.#endedCount--
    this.#status[slot] = LIVE
    this.#live++
  }

  #forgetOldest(): void {
    const oldest = this.#ended.last(0)
    if (oldest < 0) return
    this.losses.forgotten++
    this.#remove(oldest)
  }

  #remove(slot: number): void {
    this.#index.remove(slot)
    if (this.#status[slot] === ENDED) {
      this.#ended.remove(0, slot)
      this.#endedCount--
    } else this.#live--
    this.#status[slot] = FREE
    this.#labels.drop(slot)
    this.#slabs.give(slot)
  }
}
