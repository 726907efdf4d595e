// SPDX-License-Identifier: Apache-2.0
// Sums the kernel's aggregates (by cgroup, executable, uid, protocol, …) per service. Works on differences to the reading
// before, so that a total never goes down when an aggregate's owner becomes known later, and in 64-bit integers.
import { AggregateView } from '../flows/aggregate-view.js'
import { Chains, powerOfTwo } from '../flows/chains.js'
import { AGGREGATE, AGGREGATE_COUNTER } from '../flows/layout.js'
import type { RoleName, ViewName } from '../flows/names.js'
import { roleName, transportName, viewName } from '../flows/names.js'
import { protocolName } from '../flows/protocols.js'

export interface Series {
  readonly service: number
  readonly protocol: string
  readonly transport: string
  readonly role: RoleName | null
  readonly view: ViewName
  opened: bigint
  rxPackets: bigint
  rxBytes: bigint
  txPackets: bigint
  txBytes: bigint
  /** Flows open now; unlike the others it may fall. */
  active: number
}

/** Finds the service of an aggregate; called once a row until it gives one that is final. */
export type ResolveRow = (row: AggregateView) => { readonly service: number; readonly final: boolean }

const COUNTERS = ['opened', 'rxPackets', 'rxBytes', 'txPackets', 'txBytes'] as const
const PACKETS = [AGGREGATE_COUNTER.rxPackets, AGGREGATE_COUNTER.txPackets] as const
const KEY_BYTES = AGGREGATE.values

export class Traffic {
  readonly #rows: DataView
  readonly #index: Chains
  readonly #mask: number
  readonly #capacity: number
  readonly #rowSeries: Int32Array
  readonly #final: Uint8Array
  readonly #series: Series[] = []
  readonly #seriesByKey = new Map<string, number>()
  #used = 0
  /** Rows that there was no room for: the kernel's own limit is the same, so this stays 0. */
  lost = 0
  /** Bytes of flows that are still being looked at: in no series yet. */
  pendingBytes = 0n
  /** Packets in all of the kernel's aggregates, those of flows that are still being looked at included. */
  packets = 0n

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#rows = new DataView(new ArrayBuffer(capacity * AGGREGATE.size))
    const buckets = powerOfTwo(capacity)
    this.#mask = buckets - 1
    this.#index = new Chains(buckets, capacity)
    this.#rowSeries = new Int32Array(capacity).fill(-1)
    this.#final = new Uint8Array(capacity)
  }

  get series(): readonly Series[] {
    return this.#series
  }
  get rows(): number {
    return this.#used
  }

  /** Asks again whose each aggregate is; what was counted so far stays where it is. */
  reassign(): void {
    this.#final.fill(0)
  }

  /** Takes in what kernel.aggregates() gave. */
  update(buffer: ArrayBufferLike, resolve: ResolveRow): void {
    const view = new AggregateView(buffer)
    for (const series of this.#series) series.active = 0
    let low = 0
    let high = 0
    for (let i = 0; i < view.count; i++) {
      this.#take(view.move(i), resolve)
      for (const index of PACKETS) {
        low += view.low(index)
        high += view.high(index)
      }
    }
    // Modulo 2^64, since slot 0, read while packets move out of it, may be below zero.
    this.packets = BigInt.asUintN(64, (BigInt(high) << 32n) + BigInt(low))
  }

  #take(view: AggregateView, resolve: ResolveRow): void {
    if (view.view === 0) {
      // Slot 0 of the kernel: bytes move out of it when a flow is decided.
      this.pendingBytes = BigInt.asIntN(64, view.value(AGGREGATE_COUNTER.rxBytes) + view.value(AGGREGATE_COUNTER.txBytes))
      return
    }
    const row = this.#row(view)
    if (row < 0) {
      this.lost++
      return
    }
    let number = this.#rowSeries[row]!
    if (!this.#final[row]) {
      const { service, final } = resolve(view)
      number = this.#seriesOf(view, service)
      this.#rowSeries[row] = number
      this.#final[row] = final ? 1 : 0
    }
    const series = this.#series[number]!
    for (const name of COUNTERS) {
      const grown = this.#grown(view, row, AGGREGATE_COUNTER[name])
      if (grown > 0n) series[name] += grown
    }
    const open = this.#near(view, AGGREGATE_COUNTER.opened) - this.#near(view, AGGREGATE_COUNTER.closed)
    series.active += Math.max(0, open)
  }

  #near(view: AggregateView, index: number): number {
    return view.high(index) * 0x1_0000_0000 + view.low(index)
  }

  /** How much a counter grew since the last reading, which is replaced. A reading taken amid an update may be lower: then 0. */
  #grown(view: AggregateView, row: number, index: number): bigint {
    const at = row * AGGREGATE.size + AGGREGATE.values + 8 * index
    // Most rows are as they were: told without making a BigInt.
    if (view.low(index) === this.#rows.getUint32(at, true) && view.high(index) === this.#rows.getUint32(at + 4, true)) return 0n
    const grown = view.value(index) - this.#rows.getBigUint64(at, true)
    if (grown <= 0n) return 0n
    this.#rows.setBigUint64(at, view.value(index), true)
    return grown
  }

  #row(view: AggregateView): number {
    let hash = 0
    for (let i = 0; i < KEY_BYTES; i += 4) {
      hash = Math.imul(hash ^ view.data.getUint32(view.at + i, true), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    const bucket = hash & this.#mask
    for (let row = this.#index.first(bucket); row >= 0; row = this.#index.after(bucket, row)) {
      const at = row * AGGREGATE.size
      let same = true
      for (let i = 0; same && i < KEY_BYTES; i += 4) same = this.#rows.getUint32(at + i) === view.data.getUint32(view.at + i)
      if (same) return row
    }
    if (this.#used >= this.#capacity) return -1
    const row = this.#used++
    for (let i = 0; i < KEY_BYTES; i += 4) this.#rows.setUint32(row * AGGREGATE.size + i, view.data.getUint32(view.at + i))
    this.#index.add(bucket, row)
    return row
  }

  #seriesOf(view: AggregateView, service: number): number {
    const key = `${service}/${view.protocol}/${view.l4}/${view.role}/${view.view}`
    let number = this.#seriesByKey.get(key)
    if (number === undefined) {
      number = this.#series.length
      this.#seriesByKey.set(key, number)
      this.#series.push({
        service,
        protocol: protocolName(view.protocol),
        transport: transportName(view.l4),
        role: roleName(view.role),
        view: viewName(view.view) ?? 'wire',
        opened: 0n,
        rxPackets: 0n,
        rxBytes: 0n,
        txPackets: 0n,
        txBytes: 0n,
        active: 0,
      })
    }
    return number
  }
}
