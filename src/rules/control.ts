// SPDX-License-Identifier: Apache-2.0
// The rules in force: taken from files at the start, replaced as a whole, kept fitting to the interfaces that there are.
import { errorName, FlowidentError } from '../errors.js'
import type { DropRecord } from '../flows/decode.js'
import { RULE_HITS } from '../gen/abi.js'
import { interfaceLister, type ListInterfaces } from '../kernel/interfaces.js'
import type { KernelSource } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import type { Contract } from './contract.js'
import { etagOf } from './etag.js'
import type { GuardOptions, RuleGuard } from './guard.js'
import { InForce, type RuleKernel } from './in-force.js'
import { withoutLockOuts } from './left-out.js'
import { loadRules, readRuleFiles, type RuleSet, type RuleText } from './load.js'
import { type Action, enforcedAt, type Rule } from './model.js'
import type { RulesState } from './state.js'
import type { LeftRules, RuleStore, SavedSet } from './saved.js'

/** Drops that are kept to be asked for. */
const RECENT = 100

export interface SeenDrop extends DropRecord {
  readonly ruleName: string
  readonly action: Action
}

/** Longer than a set may be on trial, nobody waits. */
export const TRIAL_SECONDS = { least: 5, most: 3600 } as const

export interface Replacement extends GuardOptions {
  /** Only if the set with this etag is in force; `*`: any. */
  readonly ifMatch?: string | undefined
  /** After so many seconds the set before is in force again, unless confirm() is called. */
  readonly confirmWithin?: number | undefined
}

export class RuleControl {
  readonly #force: InForce
  readonly #log: Logger
  readonly #guard: RuleGuard
  readonly #recent: SeenDrop[] = []
  #tell: (drop: SeenDrop) => void = () => undefined
  #trial: NodeJS.Timeout | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor(kernel: RuleKernel, interfaces: ListInterfaces, log: Logger, store?: RuleStore, guard: RuleGuard = async () => undefined) {
    this.#force = new InForce(kernel, interfaces, log, store)
    this.#log = log
    this.#guard = guard
  }

  get etag(): string {
    return etagOf(this.#force.set)
  }
  get rules(): readonly Rule[] {
    return this.#force.set.rules
  }
  get contracts(): readonly Contract[] {
    return this.#force.set.contracts
  }
  get generation(): number {
    return this.#force.generation
  }
  get recent(): readonly SeenDrop[] {
    return this.#recent
  }

  /** Takes up what was applied before, when that was kept, or the files of a folder. A mistake in them is told, and none of them is
   * taken: half of a set is worse than none. */
  async start(folder: string, left: LeftRules = 'nothing'): Promise<void> {
    try {
      await this.#next(() =>
        left === 'tables'
          ? this.#takeOver(folder)
          : left === 'nothing'
            ? this.#takeFolder(folder)
            : this.#takeText(folder, left === 'text-off'),
      )
    } catch (error) {
      const { message, details } = FlowidentError.from(error)
      const now = (await this.#force.read(0)).generation === 0 ? 'no rules are in force' : 'the rules of the process before stay in force'
      this.#log.error({ details }, `${now}: ${message}`)
    }
  }

  /** Puts these rules in force in place of all others. Gives the new etag. */
  replace(texts: readonly RuleText[], { ifMatch, confirmWithin, ...options }: Replacement = {}): Promise<string> {
    return this.#next(async () => {
      if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== this.etag)
        throw new FlowidentError('rules-changed', `the rules are ${this.etag} now, not ${ifMatch}`, {
          hint: 'Read them again, and decide anew.',
        })
      if (this.#force.onTrial)
        throw new FlowidentError('rules-on-trial', 'the rules in force are on trial', {
          hint: '`flowident rules confirm` keeps them; without it those before are in force again when the time is over.',
        })
      const set = loadRules(texts)
      await this.#guard(set.rules, options)
      await this.#install(set, 'applied', confirmWithin)
      return this.etag
    })
  }

  /** Keeps the set on trial. Gives its etag. */
  confirm(): Promise<string> {
    return this.#next(async () => {
      try {
        if (!this.#force.onTrial) throw new FlowidentError('nothing-to-confirm', 'no rules are on trial')
        await this.#force.endTrial(true)
      } catch (error) {
        if (errorName(error) !== 'ETIME') throw error
        throw new FlowidentError('nothing-to-confirm', 'the time to confirm is over: the rules before are in force')
      }
      clearTimeout(this.#trial)
      this.#log.info({ rules: this.rules.length }, 'the rules are confirmed')
      return this.etag
    })
  }

  /** Interfaces come and go: rules that name them are compiled for those that are there. */
  sync(): Promise<void> {
    return this.#next(async () => {
      const named = this.rules.some(({ match, not }) => match.interface !== undefined || not.interface !== undefined)
      if (!named || !this.#force.outdated || this.#force.onTrial) return
      // Switched off meanwhile by another process: it stays so.
      if ((await this.#force.read(0)).generation !== 0) await this.#force.again()
    })
  }

  #safe(set: RuleSet): Promise<RuleSet> {
    return withoutLockOuts(set, this.#guard, this.#log)
  }

  /** What the guard has no objection to, or what was in force already. */
  async #install(set: RuleSet, from: SavedSet['from'], confirmWithin?: number): Promise<void> {
    const ms = confirmWithin === undefined ? undefined : confirmWithin * 1000
    const installing = this.#force.install(set, from, ms)
    const { warnings } = set // looked for while another thread fills the kernel's tables
    await installing
    if (ms !== undefined) this.#watchTrial(ms)
    for (const warning of warnings) this.#log.warn(warning)
    const limit = confirmWithin === undefined ? {} : { confirmWithin }
    this.#log.info({ rules: set.rules.length, generation: this.#force.generation, ...limit }, 'rules are in force')
  }

  async #takeFolder(folder: string): Promise<void> {
    const texts = readRuleFiles([folder])
    if (texts.length > 0) await this.#install(await this.#safe(loadRules(texts)), 'folder')
  }

  /** The tables are another version's: its rules are compiled anew. A set that was on trial there has not been confirmed. */
  async #takeText(folder: string, off: boolean): Promise<void> {
    const saved = this.#force.saved()
    const was = saved?.before ?? saved
    const set = loadRules(was?.from === 'applied' ? was.texts : readRuleFiles([folder]))
    const known = was?.from === 'applied' || (was !== undefined && etagOf(was) === etagOf(set))
    if (set.texts.length > 0) await this.#install(known ? set : await this.#safe(set), was?.from ?? 'folder')
    if (!off) return
    // Nothing is attached to these tables yet.
    await this.#force.switchOff()
    this.#log.warn('the rules were switched off and stay so; `flowident rules apply` puts them in force')
  }

  async #takeOver(folder: string): Promise<void> {
    const saved = this.#force.saved()
    const taken = await this.#force.takeOver(saved)
    const { generation, untilNs } = await this.#force.read(0)
    if (this.#force.onTrial) this.#watchTrial(Number(untilNs - process.hrtime.bigint()) / 1e6)
    else if (!taken && saved?.from === 'applied') await this.#install(loadRules(saved.texts), 'applied')
    else if (generation !== 0 || !taken) {
      // of the folder: it may say something else by now
      const set = saved?.from === 'applied' ? this.#force.set : await this.#safe(loadRules(readRuleFiles([folder])))
      if (etagOf(set) !== this.etag || !taken) await this.#install(set, saved?.from ?? 'folder')
    }
    if (saved?.from === 'applied') this.#log.info(`the rules applied last are in force, not those of ${folder}`)
  }

  async state(): Promise<RulesState> {
    if (this.#force.onTrial) await this.#next(() => this.#followKernel())
    const { rules, warnings } = this.#force.set
    const { generation, untilNs, hits } = await this.#force.read(rules.length)
    const at = (i: number, member: number): bigint => hits.getBigUint64(i * RULE_HITS.sizeof + member, true)
    return {
      etag: this.etag,
      inForce: generation !== 0,
      untilNs,
      rules: rules.map((rule, i) => ({
        rule,
        enforcedAt: enforcedAt(rule),
        packets: at(i, RULE_HITS.packets),
        bytes: at(i, RULE_HITS.bytes),
        dropped: at(i, RULE_HITS.dropped),
        flows: at(i, RULE_HITS.flows),
        lastNs: at(i, RULE_HITS.lastNs),
      })),
      warnings,
    }
  }

  /** Who is told of each of the drops that the kernel tells of. */
  set listener(listener: (drop: SeenDrop) => void) {
    this.#tell = listener
  }

  onDrop(record: DropRecord): void {
    const rule = record.generation === this.#force.generation ? this.#force.set.rules[record.rule] : undefined
    if (rule === undefined) return // of rules that were replaced meanwhile
    const seen = { ...record, ruleName: rule.name, action: rule.action }
    this.#recent.push(seen)
    this.#tell(seen)
    if (this.#recent.length > RECENT) this.#recent.shift()
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }

  #watchTrial(ms: number): void {
    clearTimeout(this.#trial)
    const end = () =>
      this.#next(() => this.#followKernel()).catch((err: unknown) =>
        this.#log.error({ err }, 'the books of the rules could not be set back'),
      )
    this.#trial = setTimeout(() => void end(), ms + 20).unref()
  }

  /** The kernel goes back by itself, to the nanosecond, when a trial is over. The books follow: by a timer, and before they are
   * shown to anybody, for a timer may be late. */
  async #followKernel(): Promise<void> {
    if (!this.#force.onTrial) return
    const { untilNs } = await this.#force.read(0)
    if (process.hrtime.bigint() < untilNs) return
    await this.#force.endTrial(false)
    clearTimeout(this.#trial)
    this.#log.warn({ rules: this.rules.length }, 'the rules were not confirmed: those before are in force')
  }
}

/** As the daemon has it. */
export const ruleControl = (
  kernel: RuleKernel,
  { source, roots }: { readonly source: Pick<KernelSource, 'interfaces'>; readonly roots: { readonly sys: string } },
  log: Logger,
  store?: RuleStore,
  guard?: RuleGuard,
): RuleControl => new RuleControl(kernel, interfaceLister(source, roots.sys), log.child({ area: 'rules' }), store, guard)
