// SPDX-License-Identifier: Apache-2.0
// Judges flows by the contracts in force: when what a flow speaks becomes known, and all that are live each time the table was
// brought up to date. What a contract drops is given to its rule in the kernel, flow by flow.
import { setImmediate as turn } from 'node:timers/promises'
import { flowId, flowLayers } from '../flows/json.js'
import { viewName } from '../flows/names.js'
import { RecordView } from '../flows/record-view.js'
import { twins } from '../flows/twins.js'
import type { Catalog } from '../services/catalog.js'
import type { Contract } from './contract.js'
import { type Decide, decisionOf, type EnforcingWire } from './decision.js'
import { FlowMatch } from './flow-match.js'
import { textOfFlow } from './flow-packet.js'
import type { Rule } from './model.js'
import { contractOf, isJudgeable } from './preview-contracts.js'
import type { Reset } from './reset.js'
import { Where } from './where.js'

/** Flows remembered as judged, and deviations kept to be asked for. */
const JUDGED = 65_536
const RECENT = 100
const TWINS = 8
/** Slots walked before others get their turn. */
const WALK = 4000

export interface Deviation {
  readonly contract: string
  readonly action: Contract['action']
  readonly service: string
  readonly flow: string
  /** `tcp CLIENT > SERVER` */
  readonly text: string
  readonly layers: readonly string[]
  /** CLOCK_MONOTONIC of the record that told. */
  readonly atNs: number
  /** The kernel drops it. */
  dropped: boolean
}

export interface ContractCounts {
  kept: number
  deviating: number
  /** Of the latter. */
  dropped: number
}

/** RuleControl fits. */
export interface ContractSource {
  readonly contracts: readonly Contract[]
  readonly rules: readonly Rule[]
  readonly generation: number
}

export interface ContractParts {
  readonly catalog: Catalog
  readonly decide: Decide
  readonly wire: EnforcingWire
  readonly reset: Reset
  readonly source: ContractSource
  /** Told of each deviation, once a flow. */
  readonly tell: (slot: number, deviation: Deviation) => void
}

interface Judged {
  readonly protocol: number
  readonly contract: Contract | undefined
  readonly deviation: Deviation | undefined
}

export class ContractWatch {
  readonly #parts: ContractParts
  readonly #judged = new Map<string, Judged>()
  readonly #recent: Deviation[] = []
  readonly #counts = new Map<string, ContractCounts>()
  readonly #view = new RecordView()
  readonly #twin = new RecordView()
  readonly #where: Where
  #contracts: readonly Contract[] = []

  constructor(parts: ContractParts) {
    this.#parts = parts
    this.#where = new Where(parts.catalog, new FlowMatch(parts.catalog), parts.wire)
    parts.catalog.table.onChange((kind, slot) => {
      if (kind !== 'labels' && this.#current().length > 0) this.#changed(slot)
    })
  }

  get recent(): readonly Deviation[] {
    return this.#recent
  }
  counts({ name }: Pick<Contract, 'name'>): Readonly<ContractCounts> {
    return this.#counts.get(name) ?? { kept: 0, deviating: 0, dropped: 0 }
  }

  /** After the table was brought up to date: flows that no event told of, and drops that another set of rules undid. */
  async sync(): Promise<void> {
    const { table } = this.#parts.catalog
    if (this.#current().length === 0) return
    for (let slot = 0; slot < table.end; slot++) {
      if (table.isLive(slot) && table.view(slot, this.#view).owned) this.#judge(slot)
      if (slot % WALK === WALK - 1) await turn()
    }
  }

  /** The contracts in force; other ones begin to count anew. */
  #current(): readonly Contract[] {
    const { contracts } = this.#parts.source
    if (contracts !== this.#contracts) {
      this.#contracts = contracts
      this.#judged.clear()
      this.#counts.clear()
    }
    return contracts
  }

  #changed(slot: number): void {
    const { table } = this.#parts.catalog
    const view = table.view(slot, this.#view)
    if (view.owned) this.#judge(slot)
    else if (viewName(view.view) === 'wire') for (const twin of this.#twins(slot, 'socket')) this.#judge(twin)
  }

  #judge(slot: number): void {
    const { catalog } = this.#parts
    const view = catalog.table.view(slot, this.#view)
    const key = `${view.idHigh}/${view.idLow}`
    const { protocol } = view
    const before = this.#judged.get(key)
    if (before?.protocol === protocol) {
      this.#enforce(slot, before)
      return
    }
    if (!isJudgeable(view)) return
    const contract = contractOf(this.#contracts, this.#parts.catalog, slot)
    const deviation = contract && !contract.speaks.includes(protocol) ? this.#deviation(slot, contract) : undefined
    const judged: Judged = { protocol, contract, deviation }
    this.#remember(key, judged)
    if (contract === undefined) return
    const counts = this.counts(contract)
    this.#counts.set(contract.name, {
      ...counts,
      ...(deviation ? { deviating: counts.deviating + 1 } : { kept: counts.kept + 1 }),
    })
    if (deviation === undefined) return
    this.#enforce(slot, judged)
    this.#recent.push(deviation)
    if (this.#recent.length > RECENT) this.#recent.shift()
    this.#parts.tell(slot, deviation)
  }

  #remember(key: string, judged: Judged): void {
    this.#judged.delete(key)
    this.#judged.set(key, judged)
    if (this.#judged.size <= JUDGED) return
    const oldest = this.#judged.keys().next()
    if (!oldest.done) this.#judged.delete(oldest.value)
  }

  #deviation(slot: number, { name, action }: Contract): Deviation {
    const { catalog } = this.#parts
    const service = catalog.service(slot)?.name ?? '~unknown'
    const view = catalog.table.view(slot, this.#view)
    return {
      contract: name,
      action,
      service,
      flow: flowId(view),
      text: textOfFlow(view, view.source),
      layers: flowLayers(view),
      atNs: view.nowNs,
      dropped: false,
    }
  }

  /** Writes the drop into the flow's records of the wire view, or, where that drops nothing, into the socket's: again each time, since
   * another set of rules undoes it. */
  #enforce(slot: number, judged: Judged): void {
    if (judged.deviation === undefined || judged.contract?.action !== 'drop') return
    for (const wire of this.#where.wires(slot)) this.#drop(wire, judged, slot)
    this.#where.atSocket(slot, (socket) => this.#drop(socket, judged, slot))
  }

  /** The flow in `slot`, which is that of the socket in another slot or the same. */
  #drop(slot: number, judged: Judged, socket: number): void {
    const { source, catalog, reset } = this.#parts
    const { contract, deviation } = judged
    const rule = source.rules.findIndex(({ name }) => name === contract?.name)
    if (rule < 0 || source.generation === 0 || contract === undefined || deviation === undefined) return
    const decision = decisionOf(catalog.table.view(slot, this.#twin), source.generation, rule)
    const first = contract.reset && !deviation.dropped ? reset(catalog.table.view(socket, this.#twin)) : undefined
    if (first === undefined) this.#decide(decision, contract, deviation)
    // What tells the ends would be dropped as well.
    else void first().then(() => this.#decide(decision, contract, deviation))
  }

  #decide(decision: Uint8Array, contract: Contract, deviation: Deviation): void {
    if (!this.#parts.decide(decision) || deviation.dropped) return
    deviation.dropped = true
    const counts = this.counts(contract)
    this.#counts.set(contract.name, { ...counts, dropped: counts.dropped + 1 })
  }

  /** Live flows of a view with the same addresses and ports. */
  #twins(slot: number, wanted: 'socket' | 'wire'): number[] {
    const { table } = this.#parts.catalog
    return twins(table, table.view(slot, this.#twin), TWINS).filter((each) => {
      const twin = table.view(each, this.#twin)
      return viewName(twin.view) === wanted && (wanted === 'socket' ? twin.owned : table.isLive(each))
    })
  }
}
