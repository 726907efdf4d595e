// SPDX-License-Identifier: Apache-2.0
// What rules would have done to the flows of late: those that are live and those that ended and are still kept. The same code
// decides as in the kernel, for the packet that opened each flow and for those of both ends once its protocol was known.
import { setImmediate as turn } from 'node:timers/promises'
import type { End } from '../flows/record-view.js'
import { RecordView } from '../flows/record-view.js'
import { viewName } from '../flows/names.js'
import type { KernelSource } from '../kernel/kernel.js'
import type { ListInterfaces } from '../kernel/interfaces.js'
import type { Catalog } from '../services/catalog.js'
import { UNKNOWN } from '../services/service.js'
import { Evaluator } from './evaluator.js'
import { textOfFlow } from './flow-packet.js'
import type { Contract } from './contract.js'
import type { RuleSet } from './load.js'
import { isKeyed, type Rule } from './model.js'
import { brokenContracts } from './preview-contracts.js'
import { type Asked, Given } from './preview-given.js'
import type { Verdict } from './reference.js'
import { packetNow } from './ways.js'

/** Flows asked about before others get their turn. */
const BATCH = 64
/** Longest that one preview may take; what it did not come to is told. */
const LIMIT_MS = 5000
const SYN = 2

export interface PreviewRow {
  readonly rule: string
  /** Only counted. */
  readonly audit: boolean
  readonly service: string
  readonly serviceId: string
  flows: number
  packets: number
  bytes: number
  /** The newest of them, in words. */
  readonly example: string
}

export interface Preview {
  /** Flows of the window, and those of them that were looked at in time. */
  readonly flows: number
  readonly looked: number
  /** wire: as the rules are enforced; socket: nothing crossed an interface that is watched. */
  readonly view: 'wire' | 'socket'
  /** Seconds back to which every flow is still known; the window, when it is all there. */
  readonly coveredSeconds: number
  readonly rows: readonly PreviewRow[]
}

export interface PreviewParts {
  readonly source: Pick<KernelSource, 'evaluateRules'>
  readonly interfaces: ListInterfaces
  readonly catalog: Catalog
  readonly now: () => number
}

/** What becomes of a flow by one rule. */
interface Outcome {
  readonly rule: number
  readonly ends: readonly End[]
}

function ask(slot: number, view: RecordView, interfaceName: string): Asked {
  const { source } = view
  const ends = [source, source === 0 ? (1 as const) : (0 as const)].filter((end) => view.packetsNear(end) > 0)
  const packet = packetNow(view, source, interfaceName)
  const first = {
    ...packet,
    tcpFlags: packet.tcpFlags === undefined ? undefined : SYN,
    pending: true,
    layers: [],
    named: 0,
    confidence: 0,
  }
  const late = ends.map((end) => packetNow(view, end, interfaceName))
  return { slot, text: textOfFlow(view, source), ends, packets: [first, ...late] }
}

/** A flow whose opening packet is dropped never is; one that a rule about protocols drops is dropped in both directions. */
function outcomes(rules: readonly Rule[], { ends, packets }: Asked, verdicts: readonly Verdict[]): Outcome[] {
  const found: Outcome[] = []
  const counted = new Set(verdicts.map(({ audit }) => audit).filter((audit) => audit !== undefined))
  for (const rule of counted) found.push({ rule, ends: ends.filter((_, i) => [0, i + 1].some((at) => verdicts[at]?.audit === rule)) })
  const whole = verdicts.find(({ drop, rule }, i) => drop && rule !== undefined && (i === 0 || isKeyed(rules[rule] as Rule)))
  if (whole?.rule !== undefined) return [...found, { rule: whole.rule, ends }]
  const dropped = new Map<number, End[]>()
  for (let i = 1; i < packets.length; i++) {
    const { drop, rule } = verdicts[i] as Verdict
    if (drop && rule !== undefined) dropped.set(rule, [...(dropped.get(rule) ?? []), ends[i - 1] as End])
  }
  return [...found, ...[...dropped].map(([rule, some]) => ({ rule, ends: some }))]
}

/** Of what: a rule of the set, or a contract. */
interface Judge {
  readonly name: string
  readonly audit: boolean
}

class Tally {
  readonly #rows = new Map<string, PreviewRow>()
  readonly #catalog: Catalog
  readonly #view = new RecordView()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /** A flow, with the packets of these ends of it. `text`: of the first one of a row. */
  add({ name, audit }: Judge, slot: number, text: string, ends: readonly End[]): void {
    const service = this.#catalog.service(slot) ?? UNKNOWN
    const view = this.#catalog.table.view(slot, this.#view)
    const key = `${name} ${service.id}`
    const row: PreviewRow = this.#rows.get(key) ?? {
      rule: name,
      audit,
      service: service.name,
      serviceId: service.id,
      flows: 0,
      packets: 0,
      bytes: 0,
      example: text,
    }
    row.flows++
    for (const end of ends) {
      row.packets += view.packetsNear(end)
      row.bytes += view.bytesNear(end)
    }
    this.#rows.set(key, row)
  }

  rows(): PreviewRow[] {
    return [...this.#rows.values()].sort((a, b) => b.flows - a.flows || b.bytes - a.bytes || (a.rule < b.rule ? -1 : 1))
  }
}

/** Of the sockets' flows, which is where services are known. */
function contractRows(contracts: readonly Contract[], catalog: Catalog, seconds: number): PreviewRow[] {
  const tally = new Tally(catalog)
  const view = new RecordView()
  for (const { slot, contract, layers } of brokenContracts(contracts, catalog, catalog.table.latestNs - seconds * 1e9)) {
    catalog.table.view(slot, view)
    const text = `${textOfFlow(view, view.source)} speaks ${layers.join('>') || 'unknown'}`
    tally.add({ name: contract.name, audit: contract.action === 'audit' }, slot, text, [0, 1])
  }
  return tally.rows()
}

/** Slots of the window's flows, the newest first; those of the wire view when there are any. */
function slotsOf({ table }: Catalog, seconds: number): { slots: number[]; view: 'wire' | 'socket' } {
  const since = table.latestNs - seconds * 1e9
  const view = new RecordView()
  const found: Record<string, number[]> = { wire: [], socket: [] }
  for (let slot = table.end - 1; slot >= 0; slot--)
    if (table.present(slot) && table.view(slot, view).lastNs >= since) found[viewName(view.view) ?? '']?.push(slot)
  const [wire = [], socket = []] = [found['wire'], found['socket']]
  return wire.length > 0 ? { slots: wire, view: 'wire' } : { slots: socket, view: 'socket' }
}

function covered({ table }: Catalog, seconds: number): number {
  const oldest = table.losses.forgotten > 0 ? table.oldestEnded() : -1
  if (oldest < 0) return seconds
  return Math.min(seconds, Math.floor((table.latestNs - table.view(oldest, new RecordView()).nowNs) / 1e9))
}

/** `seconds`: how far back. Looks at what is known now; the caller brings the table up to date. */
export async function previewRules(
  parts: PreviewParts,
  { rules, contracts }: Pick<RuleSet, 'rules' | 'contracts'>,
  seconds: number,
): Promise<Preview> {
  const { catalog, source, interfaces, now } = parts
  const { slots, view } = slotsOf(catalog, seconds)
  const evaluator = new Evaluator(source, rules, interfaces())
  const tally = new Tally(catalog)
  const given = new Given(rules, catalog)
  const record = new RecordView()
  const until = now() + LIMIT_MS
  let looked = 0
  while (rules.length > 0 && looked < slots.length && now() < until) {
    // Flows come and go between turns: what is in a slot now is what is asked about.
    const batch = slots
      .slice(looked, looked + BATCH)
      .filter((slot) => catalog.table.present(slot))
      .map((slot) => {
        catalog.table.view(slot, record)
        return given.take(ask(slot, record, catalog.interfaceName(record.ifindex) ?? ''))
      })
    const verdicts = evaluator.ask(batch.flatMap(({ packets }) => packets))
    let at = 0
    for (const asked of batch) {
      const mine = given.count(asked, verdicts.slice(at, at + asked.packets.length))
      at += asked.packets.length
      for (const outcome of outcomes(rules, asked, mine)) tally.add(rules[outcome.rule] as Rule, asked.slot, asked.text, outcome.ends)
    }
    looked = Math.min(slots.length, looked + BATCH)
    await turn()
  }
  return {
    flows: slots.length,
    looked: rules.length === 0 ? slots.length : looked,
    view,
    coveredSeconds: covered(catalog, seconds),
    rows: [...tally.rows(), ...contractRows(contracts, catalog, seconds)],
  }
}
