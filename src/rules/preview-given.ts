// SPDX-License-Identifier: Apache-2.0
// What rules with `flow` would have been given of the flows of late.
import type { End } from '../flows/record-view.js'
import type { Catalog } from '../services/catalog.js'
import { FlowMatch, type FlowRule, flowRules } from './flow-match.js'
import type { Rule } from './model.js'
import type { Packet } from './packet.js'
import type { Verdict } from './reference.js'

/** What a preview asks of one flow. */
export interface Asked {
  readonly slot: number
  readonly text: string
  readonly ends: readonly End[]
  /** The opening one, then one of each end that sent. */
  readonly packets: readonly Packet[]
}

export class Given {
  readonly #match: FlowMatch
  readonly #all: readonly Rule[]
  readonly #rules: readonly FlowRule[]
  readonly #catalog: Catalog

  constructor(rules: readonly Rule[], catalog: Catalog) {
    this.#match = new FlowMatch(catalog)
    this.#all = rules
    this.#rules = flowRules(rules)
    this.#catalog = catalog
  }

  #first(slot: number, audit: boolean): number | undefined {
    const rules = this.#rules.filter(({ rule }) => rule.audit === audit)
    if (rules.length === 0 || !this.#catalog.table.present(slot)) return undefined
    const slots = [slot, ...this.#match.twins(slot, 'socket', true)]
    const packets = this.#match.packetsOnce(slot)
    const found = this.#match.first(rules, slots, packets)?.index
    return found === undefined || this.#match.holder(this.#all, found, packets) !== undefined ? undefined : found
  }

  /** What is known of the flow once it has opened gives it to a rule that acts. */
  take(asked: Asked): Asked {
    const taken = this.#first(asked.slot, false)
    if (taken === undefined) return asked
    return { ...asked, packets: asked.packets.map((packet, i) => (i === 0 ? packet : { ...packet, taken })) }
  }

  /** And to one that counts, where that one is in front of all that decide. */
  count({ slot }: Asked, verdicts: readonly Verdict[]): readonly Verdict[] {
    const audit = this.#first(slot, true)
    if (audit === undefined) return verdicts
    const front = ({ rule = Infinity, audit: other = Infinity }: Verdict) => audit < rule && audit < other
    return verdicts.map((each, i) => (i > 0 && front(each) ? { ...each, audit } : each))
  }
}
