// SPDX-License-Identifier: Apache-2.0
// Rules with `flow`: what only the daemon knows of a flow (labels, owner, service) decides. Each flow is judged when something of it
// becomes known, and again each time the table was brought up to date; the kernel is told which rule it meets: on the interfaces that
// the flow crosses, where they can drop; of all other flows at their sockets.
import { setImmediate as turn } from 'node:timers/promises'
import { flowId } from '../flows/json.js'
import { RecordView } from '../flows/record-view.js'
import { FlowidentError } from '../errors.js'
import { DECIDE } from '../gen/abi.js'
import type { Logger } from '../log.js'
import type { Catalog } from '../services/catalog.js'
import { type Decide, decisionOf, type EnforcingWire } from './decision.js'
import { FlowMatch, type FlowRule, flowRules } from './flow-match.js'
import { isDrop, needsWire, type Rule } from './model.js'
import type { Packet } from './packet.js'
import { lives, meets } from './reference.js'
import type { Reset } from './reset.js'
import { Where } from './where.js'

/** Flows remembered as decided. */
const DECIDED = 65_536
/** Slots walked before others get their turn. */
const WALK = 4000
const AGAIN_MS = 300

export interface FlowWatchParts {
  readonly catalog: Catalog
  readonly decide: Decide
  readonly wire: EnforcingWire
  readonly reset: Reset
  /** RuleControl fits. */
  readonly source: { readonly rules: readonly Rule[]; readonly generation: number }
  /** Throws when these rules would lock out who administers this host. */
  readonly guard: (rules: readonly Rule[]) => Promise<void>
  readonly log: Logger
}

/** What was told of a flow, of the set of this generation. */
interface Decided {
  readonly generation: number
  /** Index of the rule that acts on it: that it was given to, or that lets it pass in front of all that would have it. */
  readonly acts?: number | undefined
  /** Dropped for its life, whether the rule expires or not. */
  readonly forLife?: boolean
  /** Index of the rule that counts it. */
  readonly audit?: number | undefined
}

/** The rules in force that are asked of flows. */
interface Watched {
  readonly of: readonly Rule[]
  readonly all: number
  readonly acting: readonly FlowRule[]
  readonly audit: readonly FlowRule[]
}

const cidr = (packet: Packet, end: 'source' | 'destination') => ({
  cidrs: [{ net: packet.net, bytes: packet[end], length: packet.net === 4 ? 32 : 128 }],
  ...(packet.ports && { ports: [{ from: packet.ports[end], to: packet.ports[end] }] }),
})
/** A rule that drops these packets and no other flow's. */
const ruleOf = (rule: Rule, packet: Packet): Rule => {
  const { byFlow: _, flow: __, notFlow: ___, ...rest } = rule
  const match = { transport: [packet.transport], source: cidr(packet, 'source'), destination: cidr(packet, 'destination') }
  return { ...rest, match, not: {} }
}

const forLifeBy = ({ action }: Rule): number => (action === 'reject' ? DECIDE.REJECT : DECIDE.DROP)

export class FlowWatch {
  readonly #parts: FlowWatchParts
  readonly #match: FlowMatch
  readonly #where: Where
  readonly #decided = new Map<string, Decided>()
  readonly #view = new RecordView()
  #rules: Watched = { of: [], all: 0, acting: [], audit: [] }
  #queue: Promise<unknown> = Promise.resolve()

  constructor(parts: FlowWatchParts) {
    this.#parts = parts
    this.#match = new FlowMatch(parts.catalog)
    this.#where = new Where(parts.catalog, this.#match, parts.wire)
    parts.catalog.table.onChange((kind, slot) => {
      if (kind !== 'end' && this.#current().all > 0) this.#changed(slot)
    })
  }

  /** After the table was brought up to date: owners that came late, and drops that another set of rules undid. */
  async sync(): Promise<void> {
    const { table } = this.#parts.catalog
    if (this.#current().all === 0) return
    for (let slot = 0; slot < table.end; slot++) {
      if (table.isLive(slot) && (this.#where.isWire(slot) || this.#where.wires(slot).length === 0)) this.#judge(slot)
      if (slot % WALK === WALK - 1) await turn()
    }
  }

  #current(): Watched {
    const { rules } = this.#parts.source
    if (rules === this.#rules.of) return this.#rules
    const all = flowRules(rules)
    const [acting, audit] = [all.filter(({ rule }) => !rule.audit), all.filter(({ rule }) => rule.audit)]
    this.#rules = { of: rules, all: all.length, acting, audit }
    return this.#rules
  }

  /** What is told of a socket concerns the flows on the wire that have its addresses. */
  #changed(slot: number): void {
    if (this.#where.isWire(slot)) {
      this.#judge(slot)
      return
    }
    for (const wire of this.#where.wires(slot)) this.#judge(wire)
    this.#where.atSocket(slot, (socket) => this.#judge(socket))
  }

  #judge(slot: number, again = true): void {
    const { catalog, source } = this.#parts
    const { generation } = source
    const { all, acting, audit } = this.#current()
    if (generation === 0 || all === 0 || !catalog.table.isLive(slot)) return
    const id = flowId(catalog.table.view(slot, this.#view))
    const known = this.#decided.get(id)
    const before: Decided = known?.generation === generation ? known : { generation }
    const alive = (index: number): boolean => before.forLife === true || lives(source.rules[index] as Rule)
    // A rule in front of the one that has the flow may get it yet, when more is known.
    const acts = before.acts !== undefined && alive(before.acts) ? before.acts : Infinity
    const onWire = this.#where.isWire(slot)
    // A filter that sees copies drops nothing: the socket does.
    if (onWire && !this.#where.enforces(slot)) return
    const front = (rules: readonly FlowRule[], end: number) =>
      rules.filter(({ rule, index }) => index < end && (onWire || !needsWire(rule)))
    if (front(acting, acts).length === 0 && (audit.length === 0 || before.audit !== undefined)) return

    const packets = this.#match.packetsOnce(slot)
    const slots = onWire ? [slot, ...this.#match.twins(slot, 'socket')] : [slot]
    const found = this.#match.first(front(acting, acts), slots, packets)
    const holder = found && this.#match.holder(source.rules, found.index, packets)
    const act = holder === undefined ? found : undefined
    const end = holder ?? act?.index ?? acts
    const counted = before.audit === undefined ? this.#match.first(front(audit, end), slots, packets) : undefined
    const counts = counted && this.#match.holder(source.rules, counted.index, packets) === undefined ? counted : undefined
    if (found === undefined && counts === undefined) return
    const forLife = act !== undefined && isDrop(act.rule) && !(onWire && this.#shared(act, packets()))
    this.#remember(id, {
      generation,
      acts: holder ?? act?.index ?? before.acts,
      forLife: found ? forLife : (before.forLife ?? false),
      audit: counts?.index ?? before.audit,
    })
    const sockets = act?.rule.reset ? (onWire ? slots.slice(1) : slots) : []
    const resets = sockets.map((each) => this.#parts.reset(catalog.table.view(each, this.#view))).filter((each) => each !== undefined)
    const both = packets()
    const view = catalog.table.view(slot, this.#view)
    // What counts comes first: what acts takes the flow from it, and stays where it is.
    const told = [
      ...(counts ? [{ ...counts, decision: decisionOf(view, generation, counts.index, DECIDE.AUDIT) }] : []),
      ...(act ? [{ ...act, decision: decisionOf(view, generation, act.index, forLife ? forLifeBy(act.rule) : DECIDE.TAKE) }] : []),
    ]
    for (const { rule, decision } of told)
      this.#queue = this.#queue
        .then(() => this.#tell(id, rule, both, decision, rule.audit ? [] : resets))
        .then((done) => {
          // The kernel may be about to move the flow, or other rules are coming into force: once more, then with the next sync.
          if (!done && again) setTimeout(() => this.#judge(slot, false), AGAIN_MS).unref()
        })
  }

  /** A rule in front decides of some of its packets: the kernel is to ask for each. */
  #shared({ index }: FlowRule, packets: readonly Packet[]): boolean {
    const front = this.#parts.source.rules.slice(0, index)
    return front.some((rule) => !rule.audit && !rule.byFlow && packets.some((packet) => meets(rule, packet)))
  }

  #remember(id: string, decided: Decided): void {
    this.#decided.delete(id)
    this.#decided.set(id, decided)
    const oldest = this.#decided.keys().next()
    if (this.#decided.size > DECIDED && !oldest.done) this.#decided.delete(oldest.value)
  }

  async #tell(
    id: string,
    rule: Rule,
    packets: readonly Packet[],
    decision: Uint8Array,
    resets: readonly (() => Promise<void>)[],
  ): Promise<boolean> {
    const { guard, decide, log } = this.#parts
    try {
      if (!rule.audit && isDrop(rule)) await guard(packets.map((packet) => ruleOf(rule, packet)))
      // First: what tells the ends is dropped as well.
      for (const reset of resets) await reset()
      const done = decide(decision) || resets.length > 0
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
