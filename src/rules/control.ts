// SPDX-License-Identifier: Apache-2.0
// The rules in force: taken from files at the start, replaced as a whole, kept fitting to the interfaces that there are.
import { createHash } from 'node:crypto'
import { FlowidentError } from '../errors.js'
import type { DropRecord } from '../flows/decode.js'
import { RULE_HITS, RULES_SWITCH } from '../gen/abi.js'
import { interfaceLister, type ListInterfaces } from '../kernel/interfaces.js'
import type { Kernel, KernelSource } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { compileRules } from './compile.js'
import { loadRules, readRuleFiles, type RuleSet, type RuleText } from './load.js'
import { enforcedAt, type Rule } from './model.js'

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

const empty: RuleSet = { rules: [], texts: [], warnings: [], overlaps: [] }

const etagOf = ({ texts }: RuleSet): string =>
  `"${createHash('sha256')
    .update(JSON.stringify(texts.map(({ name, text }) => [name, text])))
    .digest('hex')
    .slice(0, 32)}"`

export class RuleControl {
  readonly #kernel: Pick<Kernel, 'installRules' | 'ruleHits'>
  readonly #interfaces: ListInterfaces
  readonly #log: Logger
  readonly #recent: SeenDrop[] = []
  #set: RuleSet = empty
  #generation = 0
  #shape = ''
  #queue: Promise<unknown> = Promise.resolve()

  constructor(kernel: Pick<Kernel, 'installRules' | 'ruleHits'>, interfaces: ListInterfaces, log: Logger) {
    this.#kernel = kernel
    this.#interfaces = interfaces
    this.#log = log
  }

  get etag(): string {
    return etagOf(this.#set)
  }
  get rules(): readonly Rule[] {
    return this.#set.rules
  }
  get recent(): readonly SeenDrop[] {
    return this.#recent
  }

  /** Takes up the files of a folder. A mistake in them is told, and none of them is taken: half of a set is worse than none. */
  async start(folder: string): Promise<void> {
    try {
      const texts = readRuleFiles([folder])
      if (texts.length > 0) await this.replace(texts)
    } catch (error) {
      const { message, details } = FlowidentError.from(error)
      this.#log.error({ details }, `no rules are in force: ${message}`)
    }
  }

  /** Puts these rules in force in place of all others. `ifMatch`: only if those with this etag are. Gives the new etag. */
  replace(texts: readonly RuleText[], ifMatch?: string): Promise<string> {
    return this.#next(async () => {
      if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== this.etag)
        throw new FlowidentError('rules-changed', `the rules are ${this.etag} now, not ${ifMatch}`, {
          hint: 'Read them again, and decide anew.',
        })
      const set = loadRules(texts)
      await this.#install(set)
      this.#set = set
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
      if ((await this.#read(0)).generation !== 0) await this.#install(this.#set)
    })
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

  async #read(rules: number): Promise<{ generation: number; hits: DataView }> {
    const hits = new DataView(await this.#kernel.ruleHits(rules))
    return { generation: hits.getUint32(RULES_SWITCH.generation, true), hits }
  }
}

/** As the daemon has it. */
export const ruleControl = (
  kernel: Pick<Kernel, 'installRules' | 'ruleHits'>,
  { source, roots }: { readonly source: Pick<KernelSource, 'interfaces'>; readonly roots: { readonly sys: string } },
  log: Logger,
): RuleControl => new RuleControl(kernel, interfaceLister(source, roots.sys), log.child({ area: 'rules' }))
