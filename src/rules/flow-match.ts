// SPDX-License-Identifier: Apache-2.0
// Which rules with `flow` a flow meets: their queries by all that is known of it in any view, their other conditions by the
// packets that its ends send.
import { viewName } from '../flows/names.js'
import { RecordView } from '../flows/record-view.js'
import { twins } from '../flows/twins.js'
import type { Query } from '../flows/query.js'
import type { Catalog } from '../services/catalog.js'
import { type Conditions, isDrop, isOfContract, type Rule } from './model.js'
import type { Packet } from './packet.js'
import { lives, meets } from './reference.js'
import { packetNow } from './ways.js'

const TWINS = 8

export interface FlowRule {
  readonly rule: Rule
  readonly index: number
}

/** Those of a set that are asked of flows, in its order. */
export const flowRules = (rules: readonly Rule[]): FlowRule[] =>
  rules.flatMap((rule, index) => (rule.byFlow && !isOfContract(rule) ? [{ rule, index }] : []))

/** Says what must not be: asked when it is known whose the flow is and what it speaks, for until then it may be anything. */
const excludes = ({ flow, notFlow }: Rule): boolean => notFlow !== undefined || /(^|\s)-/.test(flow?.text ?? '')

const none = (conditions: Conditions): boolean => Object.keys(conditions).length === 0
/** Asks for nothing of packets. */
const isFree = ({ match, not }: Rule): boolean => none(match) && none(not)

export class FlowMatch {
  readonly #catalog: Catalog
  readonly #view = new RecordView()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /** Flows of a view that have the addresses and ports of the one in this slot; `ended`: also those that are only remembered. */
  twins(slot: number, wanted: 'wire' | 'socket', ended = false): number[] {
    const { table } = this.#catalog
    return twins(table, table.view(slot, this.#view), TWINS).filter(
      (each) => each !== slot && (ended || table.isLive(each)) && viewName(table.view(each, this.#view).view) === wanted,
    )
  }

  /** packets() of a slot, made when they are first asked for. */
  packetsOnce(slot: number): () => [Packet, Packet] {
    let made: [Packet, Packet] | undefined
    return () => {
      made ??= this.packets(slot)
      return made
    }
  }

  /** A packet of each end, as it would come now; that of the one that opened the flow is the first. */
  packets(slot: number): [Packet, Packet] {
    const view = this.#catalog.table.view(slot, this.#view)
    const link = this.#catalog.interfaceName(view.ifindex) ?? ''
    const { source, destination } = view
    return [packetNow(view, source, link), packetNow(view, destination, link)]
  }

  /** The first of these rules that the flow meets; `slots`: its records, `packets`: of the one that is to be decided. */
  first(rules: readonly FlowRule[], slots: readonly number[], packets: () => readonly Packet[]): FlowRule | undefined {
    const fits = (rule: Rule) => isFree(rule) || packets().some((packet) => meets(rule, packet))
    return rules.find(({ rule }) => lives(rule) && this.#asked(rule, slots) && fits(rule))
  }

  /** A rule about packets that stands in front of these and lets pass what the one who opened the flow sends: the flow is not theirs. */
  holder(rules: readonly Rule[], end: number, packets: () => readonly [Packet, Packet]): number | undefined {
    if (end === 0) return undefined
    const [opening] = packets()
    const found = rules.findIndex((rule, i) => i >= end || (!rule.audit && !rule.byFlow && meets(rule, opening)))
    return found >= 0 && found < end && !isDrop(rules[found] as Rule) ? found : undefined
  }

  #asked(rule: Rule, slots: readonly number[]): boolean {
    const facts = (slot: number) => this.#catalog.facts(slot, this.#view)
    const holds = (query: Query | undefined) => (slot: number) => query?.matches(facts(slot)) ?? true
    if (!excludes(rule)) return slots.some(holds(rule.flow))
    const settled = (slot: number): boolean => {
      const { view, owner } = facts(slot)
      return view.state !== 'pending' && owner()?.comm !== undefined
    }
    const { notFlow } = rule
    if (!slots.some(settled) || !slots.every(holds(rule.flow))) return false
    return notFlow === undefined || !slots.some(holds(notFlow))
  }
}
