// SPDX-License-Identifier: Apache-2.0
// Rules with `flow`: what only the daemon knows of a flow (labels, owner, service) decides. Each flow of a watched interface is judged
// when something of it becomes known, and again each time the table was brought up to date; the kernel then drops it for its life.
import { setImmediate as turn } from 'node:timers/promises'
import { flowId } from '../flows/json.js'
import { viewName } from '../flows/names.js'
import { RecordView } from '../flows/record-view.js'
import { twins } from '../flows/twins.js'
import { FlowidentError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Catalog } from '../services/catalog.js'
import type { ContractParts } from './contract-watch.js'
import { decisionOf } from './decision.js'
import type { Rule } from './model.js'
import type { Packet } from './packet.js'
import { lives, takes } from './reference.js'
import { packetNow } from './ways.js'

/** Flows remembered as decided. */
const DECIDED = 65_536
const TWINS = 8
/** Slots walked before others get their turn. */
const WALK = 4000
const AGAIN_MS = 300

export interface FlowWatchParts {
  readonly catalog: Catalog
  readonly decide: ContractParts['decide']
  /** RuleControl fits. */
  readonly source: { readonly rules: readonly Rule[]; readonly generation: number }
  /** Throws when these rules would lock out who administers this host. */
  readonly guard: (rules: readonly Rule[]) => Promise<void>
  readonly log: Logger
}

const cidr = (packet: Packet, end: 'source' | 'destination') => ({
  cidrs: [{ net: packet.net, bytes: packet[end], length: packet.net === 4 ? 32 : 128 }],
  ...(packet.ports && { ports: [{ from: packet.ports[end], to: packet.ports[end] }] }),
})
/** A rule that drops these packets and no other flow's. */
const ruleOf = (rule: Rule, packet: Packet): Rule => {
  const { byFlow: _, flow: __, ...rest } = rule
  return { ...rest, match: { transport: [packet.transport], source: cidr(packet, 'source'), destination: cidr(packet, 'destination') } }
}

export class FlowWatch {
  readonly #parts: FlowWatchParts
  /** Generation of the set that a flow was decided under. */
  readonly #decided = new Map<string, number>()
  readonly #view = new RecordView()
  readonly #twin = new RecordView()
  #queue: Promise<unknown> = Promise.resolve()

  constructor(parts: FlowWatchParts) {
    this.#parts = parts
    parts.catalog.table.onChange((kind, slot) => {
      if (kind !== 'end' && this.#rules().length > 0) this.#changed(slot)
    })
  }

  /** After the table was brought up to date: owners that came late, and drops that another set of rules undid. */
  async sync(): Promise<void> {
    const { table } = this.#parts.catalog
    if (this.#rules().length === 0) return
    for (let slot = 0; slot < table.end; slot++) {
      if (table.isLive(slot) && viewName(table.view(slot, this.#view).view) === 'wire') this.#judge(slot)
      if (slot % WALK === WALK - 1) await turn()
    }
  }

  #rules(): { rule: Rule; index: number }[] {
    return this.#parts.source.rules.flatMap((rule, index) => (rule.flow ? [{ rule, index }] : []))
  }

  /** What is told of a socket concerns the flows on the wire that have its addresses. */
  #changed(slot: number): void {
    const { table } = this.#parts.catalog
    if (viewName(table.view(slot, this.#view).view) === 'wire') this.#judge(slot)
    else for (const twin of this.#twins(slot, 'wire')) this.#judge(twin)
  }

  #twins(slot: number, wanted: 'wire' | 'socket'): number[] {
    const { table } = this.#parts.catalog
    return twins(table, table.view(slot, this.#twin), TWINS).filter(
      (each) => table.isLive(each) && viewName(table.view(each, this.#twin).view) === wanted,
    )
  }

  /** What is excluded (`-unit:a`) is asked when it is known whose the flow is and what it speaks: until then it may be anything. */
  #matches({ flow }: Rule, slots: readonly number[]): boolean {
    if (flow === undefined) return false
    const { catalog } = this.#parts
    const facts = (slot: number) => catalog.facts(slot, this.#twin)
    if (!/(^|\s)-/.test(flow.text)) return slots.some((slot) => flow.matches(facts(slot)))
    const settled = (slot: number): boolean => {
      const { view, owner } = facts(slot)
      return view.state !== 'pending' && owner()?.comm !== undefined
    }
    return slots.some(settled) && slots.every((slot) => flow.matches(facts(slot)))
  }

  #judge(slot: number, again = true): void {
    const { catalog, source } = this.#parts
    const { generation } = source
    const id = flowId(catalog.table.view(slot, this.#view))
    if (generation === 0 || !catalog.table.isLive(slot) || this.#decided.get(id) === generation) return
    const slots = [slot, ...this.#twins(slot, 'socket')]
    const found = this.#rules().find(({ rule }) => lives(rule) && this.#matches(rule, slots))
    if (found === undefined) return
    const view = catalog.table.view(slot, this.#view)
    const link = catalog.interfaceName(view.ifindex) ?? ''
    const packets = ([0, 1] as const).map((end) => packetNow(view, end, link).packet)
    // A rule in front that lets its packets pass lets the flow pass.
    const before = source.rules
      .slice(0, found.index)
      .find((each) => !each.audit && !each.byFlow && packets.some((packet) => takes(each, packet)))
    if (before !== undefined && before.action !== 'drop') return
    this.#decided.delete(id)
    this.#decided.set(id, generation)
    const oldest = this.#decided.keys().next()
    if (this.#decided.size > DECIDED && !oldest.done) this.#decided.delete(oldest.value)
    const decision = decisionOf(view, generation, found.index)
    this.#queue = this.#queue
      .then(() => this.#drop(id, found.rule, packets, decision))
      .then((done) => {
        // The kernel may be about to move the flow, or other rules are coming into force: once more, then with the next sync.
        if (!done && again) setTimeout(() => this.#judge(slot, false), AGAIN_MS).unref()
      })
  }

  async #drop(id: string, rule: Rule, packets: readonly Packet[], decision: Uint8Array): Promise<boolean> {
    const { guard, decide, log } = this.#parts
    try {
      await guard(packets.map((packet) => ruleOf(rule, packet)))
      const done = decide(decision)
      if (!done) this.#decided.delete(id)
      return done
    } catch (error) {
      if (!(error instanceof FlowidentError)) throw error
      log.warn(
        { rule: rule.name, flow: id, details: error.details },
        'a flow is not dropped, since that would lock out who administers this host',
      )
      return true
    }
  }
}
