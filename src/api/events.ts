// SPDX-License-Identifier: Apache-2.0
// What happens to flows, for those who listen. Every listener has a bounded queue: what does not fit is counted and told
// to that listener, and no other one notices.
import type { FlowJson } from '../flows/json.js'
import type { Query } from '../flows/query.js'
import { RecordView } from '../flows/record-view.js'
import type { ChangeKind } from '../flows/table-types.js'
import { FlowidentError } from '../errors.js'
import type { SeenDrop } from '../rules/control.js'
import type { Catalog } from '../services/catalog.js'
import { type DropJson, packetJson, slotOf } from './drops.js'

export type FlowEvent =
  | { readonly event: ChangeKind; readonly number: number; readonly flow: FlowJson }
  | { readonly event: 'deviation'; readonly number: number; readonly contract: string; readonly action: string; readonly flow: FlowJson }
  | { readonly event: 'drop'; readonly number: number; readonly packet: DropJson; readonly flow: FlowJson | null }
  | { readonly event: 'dropped'; readonly number: number; readonly count: number }

export interface Subscription extends AsyncIterable<FlowEvent>, Disposable {
  readonly dropped: number
}

export interface EventLimits {
  readonly subscribers: number
  readonly queue: number
}

class Subscriber implements Subscription {
  readonly #queue: FlowEvent[] = []
  readonly #limit: number
  readonly #close: () => void
  readonly query: Query | undefined
  #wake: (() => void) | undefined
  #missed = 0
  #open = true
  #last = 0
  dropped = 0

  constructor(limit: number, query: Query | undefined, close: () => void) {
    this.#limit = limit
    this.query = query
    this.#close = close
  }
  push(event: FlowEvent): boolean {
    this.#last = event.number
    if (this.#queue.length >= this.#limit) {
      this.#missed++
      this.dropped++
      return false
    }
    this.#queue.push(event)
    this.#wake?.()
    return true
  }
  [Symbol.dispose](): void {
    this.#open = false
    this.#wake?.()
    this.#close()
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<FlowEvent> {
    while (this.#open) {
      const next = this.#queue.shift()
      if (next) {
        yield next
      } else if (this.#missed > 0) {
        const count = this.#missed
        this.#missed = 0
        yield { event: 'dropped', number: this.#last, count }
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
    }
  }
}

export class EventHub {
  readonly #catalog: Catalog
  readonly #limits: EventLimits
  readonly #subscribers = new Set<Subscriber>()
  readonly #view = new RecordView()
  #number = 0
  /** Events that some listener was too slow for. */
  dropped = 0

  constructor(catalog: Catalog, limits: EventLimits) {
    this.#catalog = catalog
    this.#limits = limits
    catalog.table.onChange((kind, slot) => this.#publish(kind, slot))
  }

  get size(): number {
    return this.#subscribers.size
  }

  subscribe(query: Query | undefined): Subscription {
    if (this.#subscribers.size >= this.#limits.subscribers)
      throw new FlowidentError('too-many', `there are ${this.#limits.subscribers} listeners already`)
    const subscriber = new Subscriber(this.#limits.queue, query, () => void this.#subscribers.delete(subscriber))
    this.#subscribers.add(subscriber)
    return subscriber
  }

  close(): void {
    for (const subscriber of this.#subscribers) subscriber[Symbol.dispose]()
  }

  /** A flow that breaks a contract. */
  deviation(slot: number, { contract, action }: { readonly contract: string; readonly action: string }): void {
    this.#send(slot, (number, flow) => ({ event: 'deviation', number, contract, action, flow }))
  }

  /** A packet that a rule dropped, or would have; of a flow that is not kept only who asks for no flows in particular is told. */
  drop(drop: SeenDrop): void {
    if (this.#subscribers.size === 0) return
    const slot = slotOf(this.#catalog, drop)
    const packet = packetJson(this.#catalog, drop)
    this.#send(slot, (number, flow) => ({ event: 'drop', number, packet, flow }))
  }

  #publish(kind: ChangeKind, slot: number): void {
    this.#send(slot, (number, flow) => ({ event: kind, number, flow }))
  }

  #send(slot: number, make: (number: number, flow: FlowJson) => FlowEvent): void
  #send(slot: number | undefined, make: (number: number, flow: FlowJson | null) => FlowEvent): void
  #send(slot: number | undefined, make: (number: number, flow: never) => FlowEvent): void {
    this.#number++
    let event: FlowEvent | undefined
    for (const subscriber of this.#subscribers) {
      if (subscriber.query && (slot === undefined || !subscriber.query.matches(this.#catalog.facts(slot, this.#view)))) continue
      event ??= make(this.#number, (slot === undefined ? null : this.#catalog.json(slot)) as never)
      if (!subscriber.push(event)) this.dropped++
    }
  }
}
