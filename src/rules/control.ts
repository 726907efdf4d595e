// SPDX-License-Identifier: Apache-2.0
// The rules in force: taken from files at the start, replaced as a whole, kept fitting to the interfaces that there are.
import { createHash } from 'node:crypto'
import { FlowidentError } from '../errors.js'
import type { DropRecord } from '../flows/decode.js'
import { RULE_HITS, RULES_SWITCH } from '../gen/abi.js'
import { interfaceLister, type ListInterfaces } from '../kernel/interfaces.js'
import type { Kernel, KernelSource } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import type { Contract } from './contract.js'
import { compileRules } from './compile.js'
import { loadRules, readRuleFiles, type RuleSet, type RuleText } from './load.js'
import { enforcedAt, type Rule } from './model.js'
import { forgetful, type RuleStore, type Saved } from './saved.js'

/** Drops that are kept to be asked for. */
const RECENT = 100

export interface RuleState {
  readonly rule: Rule
  readonly enforcedAt: string
  readonly packets: bigint
  readonly bytes: bigint
  /** CLOCK_MONOTONIC; 0 = never. */
  readonly lastNs: bigint
}

export interface RulesState {
  readonly etag: string
  /** False when they were switched off. */
  readonly inForce: boolean
  readonly rules: readonly RuleState[]
  readonly warnings: readonly string[]
}

export interface SeenDrop extends DropRecord {
  readonly ruleName: string
}

const empty: RuleSet = { rules: [], contracts: [], texts: [], warnings: [], overlaps: [] }

const etagOf = ({ texts }: RuleSet): string =>
  `"${createHash('sha256')
    .update(JSON.stringify(texts.map(({ name, text }) => [name, text])))
    .digest('hex')
    .slice(0, 32)}"`

export class RuleControl {
  readonly #kernel: Pick<Kernel, 'installRules' | 'ruleHits'>
  readonly #interfaces: ListInterfaces
  readonly #log: Logger
  readonly #store: RuleStore
  readonly #recent: SeenDrop[] = []
  #set: RuleSet = empty
  #from: Saved['from'] = 'folder'
  #generation = 0
  #shape = ''
  #queue: Promise<unknown> = Promise.resolve()

  constructor(kernel: Pick<Kernel, 'installRules' | 'ruleHits'>, interfaces: ListInterfaces, log: Logger, store: RuleStore = forgetful) {
    this.#kernel = kernel
    this.#store = store
    this.#interfaces = interfaces
    this.#log = log
  }

  get etag(): string {
    return etagOf(this.#set)
  }
  get rules(): readonly Rule[] {
    return this.#set.rules
  }
  get contracts(): readonly Contract[] {
    return this.#set.contracts
  }
  get generation(): number {
    return this.#generation
  }
  get recent(): readonly SeenDrop[] {
    return this.#recent
  }

  /** Takes up what was applied before, when that was kept, or the files of a folder. A mistake in them is told, and none of them is
   * taken: half of a set is worse than none. `kept`: the kernel has the rules of the process before this one. */
  async start(folder: string, kept = false): Promise<void> {
    try {
      const saved = kept ? this.#saved() : undefined
      const texts = saved?.from === 'applied' ? saved.texts : readRuleFiles([folder])
      if (kept) await this.#next(() => this.#takeOver(texts, saved))
      else if (texts.length > 0) await this.replace(texts, undefined, 'folder')
      if (saved?.from === 'applied')
        this.#log.info({ rules: this.#set.rules.length }, `the rules applied last are in force, not those of ${folder}`)
    } catch (error) {
      const { message, details } = FlowidentError.from(error)
      this.#log.error({ details }, `no rules are in force: ${message}`)
    }
  }

  /** Puts these rules in force in place of all others. `ifMatch`: only if those with this etag are. Gives the new etag. */
  replace(texts: readonly RuleText[], ifMatch?: string, from: Saved['from'] = 'applied'): Promise<string> {
    return this.#next(async () => {
      if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== this.etag)
        throw new FlowidentError('rules-changed', `the rules are ${this.etag} now, not ${ifMatch}`, {
          hint: 'Read them again, and decide anew.',
        })
      const set = loadRules(texts)
      await this.#install(set)
      this.#set = set
      this.#from = from
      this.#save()
      for (const warning of set.warnings) this.#log.warn(warning)
      this.#log.info({ rules: set.rules.length, generation: this.#generation }, 'rules are in force')
      return this.etag
    })
  }

  /** Interfaces come and go: rules that name them are compiled for those that are there. */
  sync(): Promise<void> {
    return this.#next(async () => {
      const named = this.#set.rules.some(({ match, not }) => match.interface !== undefined || not.interface !== undefined)
      if (!named || this.#shapeNow() === this.#shape) return
      // Switched off meanwhile by another process: it stays so.
      if ((await this.#read(0)).generation === 0) return
      await this.#install(this.#set)
      this.#save()
    })
  }

  /** The set that the kernel has is left alone, with its counters, when it is this one; switched off, it stays so. */
  async #takeOver(texts: readonly RuleText[], saved: Saved | undefined): Promise<void> {
    const set = loadRules(texts)
    const { generation, last } = await this.#read(0)
    const same = saved !== undefined && saved.generation === last && last !== 0 && etagOf({ ...set, texts: saved.texts }) === etagOf(set)
    if (generation === 0 && last !== 0)
      this.#log.warn('the rules were switched off and stay so; `flowident rules apply` puts them in force')
    else if (same && saved.shape === this.#shapeNow()) {
      this.#shape = saved.shape
      this.#generation = generation
      this.#log.info({ rules: set.rules.length, generation }, 'the rules of the process before are in force')
    } else if (set.rules.length > 0 || generation !== 0) {
      await this.#install(set)
      this.#log.info({ rules: set.rules.length, generation: this.#generation }, 'rules are in force')
    }
    this.#set = set
    this.#from = saved?.from ?? 'folder'
    this.#save()
  }

  #saved(): Saved | undefined {
    try {
      return this.#store.read()
    } catch (error) {
      const { message, hint } = FlowidentError.from(error)
      this.#log.warn({ hint }, message)
      return undefined
    }
  }

  #save(): void {
    try {
      this.#store.write({ texts: this.#set.texts, from: this.#from, generation: this.#generation, shape: this.#shape })
    } catch (error) {
      const { message, hint } = FlowidentError.from(error)
      this.#log.warn({ hint }, message)
    }
  }

  async state(): Promise<RulesState> {
    const { rules, warnings } = this.#set
    const { generation, hits } = await this.#read(rules.length)
    const at = (i: number, member: number): bigint => hits.getBigUint64(RULES_SWITCH.sizeof + i * RULE_HITS.sizeof + member, true)
    return {
      etag: this.etag,
      inForce: generation !== 0,
      rules: rules.map((rule, i) => ({
        rule,
        enforcedAt: enforcedAt(rule),
        packets: at(i, RULE_HITS.packets),
        bytes: at(i, RULE_HITS.bytes),
        lastNs: at(i, RULE_HITS.lastNs),
      })),
      warnings,
    }
  }

  onDrop(record: DropRecord): void {
    const rule = record.generation === this.#generation ? this.#set.rules[record.rule] : undefined
    if (rule === undefined) return // of rules that were replaced meanwhile
    this.#recent.push({ ...record, ruleName: rule.name })
    if (this.#recent.length > RECENT) this.#recent.shift()
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }

  #shapeNow(): string {
    return this.#interfaces()
      .map(({ name, index }) => `${index} ${name}`)
      .sort()
      .join()
  }

  async #install(set: RuleSet): Promise<void> {
    this.#shape = this.#shapeNow()
    this.#generation = await this.#kernel.installRules(set.rules.length === 0 ? null : compileRules(set.rules, this.#interfaces()))
  }

  /** `last`: the generation in force, or the one that was before rules were switched off. */
  async #read(rules: number): Promise<{ generation: number; last: number; hits: DataView }> {
    const hits = new DataView(await this.#kernel.ruleHits(rules))
    const generation = hits.getUint32(RULES_SWITCH.generation, true)
    return { generation, last: generation || hits.getUint32(RULES_SWITCH.last, true), hits }
  }
}

/** As the daemon has it. */
export const ruleControl = (
  kernel: Pick<Kernel, 'installRules' | 'ruleHits'>,
  { source, roots }: { readonly source: Pick<KernelSource, 'interfaces'>; readonly roots: { readonly sys: string } },
  log: Logger,
  store: RuleStore = forgetful,
): RuleControl => new RuleControl(kernel, interfaceLister(source, roots.sys), log.child({ area: 'rules' }), store)
