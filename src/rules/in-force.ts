// SPDX-License-Identifier: Apache-2.0
// Which set the kernel has, and the one before it while a set is on trial. Says the same to the file that outlives the process.
import { errorName, FlowidentError } from '../errors.js'
import { RULES_SWITCH } from '../gen/abi.js'
import type { ListInterfaces } from '../kernel/interfaces.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { compileRules } from './compile.js'
import { loadRules, type RuleSet } from './load.js'
import { forgetful, type RuleStore, type Saved, type SavedSet } from './saved.js'

export type RuleKernel = Pick<Kernel, 'installRules' | 'ruleHits' | 'endTrial'>

/** What fi_rules_switch says. */
export interface Switch {
  /** 0: no rules are in force. A set whose trial is over has given way already. */
  readonly generation: number
  readonly last: number
  /** CLOCK_MONOTONIC; 0: nothing is on trial. */
  readonly untilNs: bigint
  /** struct fi_rule_hits[], behind the switch. */
  readonly hits: DataView
}

interface Installed {
  readonly set: RuleSet
  readonly from: SavedSet['from']
  readonly generation: number
  /** The interfaces it was compiled for. */
  readonly shape: string
}

const nothing: Installed = {
  set: { rules: [], contracts: [], texts: [], leftOut: [], warnings: [], overlaps: [] },
  from: 'folder',
  generation: 0,
  shape: '',
}

const toSaved = ({ set, from, generation, shape }: Installed): SavedSet => ({
  texts: set.texts,
  leftOut: set.leftOut,
  from,
  generation,
  shape,
})
const fromSaved = ({ texts, leftOut, from, generation, shape }: SavedSet): Installed => ({
  set: loadRules(texts, leftOut),
  from,
  generation,
  shape,
})

export class InForce {
  readonly #kernel: RuleKernel
  readonly #interfaces: ListInterfaces
  readonly #log: Logger
  readonly #store: RuleStore
  #now = nothing
  #before: Installed | undefined

  constructor(kernel: RuleKernel, interfaces: ListInterfaces, log: Logger, store: RuleStore = forgetful) {
    this.#kernel = kernel
    this.#interfaces = interfaces
    this.#log = log
    this.#store = store
  }

  get set(): RuleSet {
    return this.#now.set
  }
  get generation(): number {
    return this.#now.generation
  }
  get onTrial(): boolean {
    return this.#before !== undefined
  }
  /** Interfaces are others than those that the set was compiled for. */
  get outdated(): boolean {
    return this.#now.shape !== this.#shape()
  }

  /** Puts a set in force; for so many milliseconds, then the one before is again. */
  async install(set: RuleSet, from: SavedSet['from'], trialMs?: number): Promise<void> {
    const shape = this.#shape()
    const tables = set.rules.length === 0 ? null : compileRules(set.rules, this.#interfaces())
    const generation = await this.#kernel.installRules(tables, trialMs)
    if (trialMs !== undefined) this.#before = this.#now
    this.#now = { set, from, generation, shape }
    this.#save()
  }

  /** Compiles the set anew for the interfaces that there are. */
  again(): Promise<void> {
    return this.install(this.#now.set, this.#now.from)
  }

  /** Takes the set out of force as `flowident rules off` does: it stays off until rules are applied. */
  async switchOff(): Promise<void> {
    await this.#kernel.installRules(null)
  }

  /** Keeps the set on trial, or brings back the one before. */
  async endTrial(confirm: boolean): Promise<void> {
    try {
      const generation = await this.#kernel.endTrial(confirm)
      if (!confirm && this.#before !== undefined) this.#now = { ...this.#before, generation }
    } catch (error) {
      if (errorName(error) !== 'ENOENT') throw error
      // switched off meanwhile by another process: that ends a trial as well
      if (confirm) throw new FlowidentError('nothing-to-confirm', 'the rules were switched off')
    }
    this.#before = undefined
    this.#save()
  }

  async read(rules: number): Promise<Switch> {
    const view = new DataView(await this.#kernel.ruleHits(rules))
    return {
      generation: view.getUint32(RULES_SWITCH.generation, true),
      last: view.getUint32(RULES_SWITCH.last, true),
      untilNs: view.getBigUint64(RULES_SWITCH.untilNs, true),
      hits: new DataView(view.buffer, RULES_SWITCH.sizeof),
    }
  }

  /** What the process before this one left on file; undefined: nothing that can be read. */
  saved(): Saved | undefined {
    try {
      return this.#store.read()
    } catch (error) {
      const { message, hint } = FlowidentError.from(error)
      this.#log.warn({ hint }, message)
      return undefined
    }
  }

  /** Takes the kernel's set for what the file says it is, and leaves it alone, with its counters. False: the file does not know it.
   * Switched off, it stays so. */
  async takeOver(saved: Saved | undefined): Promise<boolean> {
    const { generation, last, untilNs } = await this.read(0)
    if (saved?.before && untilNs > 0n) {
      const over = generation !== saved.generation
      this.#now = fromSaved(saved)
      this.#before = fromSaved(saved.before)
      if (over) await this.endTrial(false)
      this.#log.warn(
        { rules: this.set.rules.length },
        over ? 'the set on trial was not confirmed: the one before is in force' : 'a set is on trial',
      )
      return true
    }
    const off = generation === 0 && last !== 0 && saved?.generation !== 0
    if (off) this.#log.warn('the rules were switched off and stay so; `flowident rules apply` puts them in force')
    else if (saved?.generation !== generation || generation === 0) return false
    if (saved) this.#now = fromSaved(saved)
    if (!off) this.#log.info({ rules: this.set.rules.length, generation }, 'the rules of the process before are in force')
    return true
  }

  #shape(): string {
    return this.#interfaces()
      .map(({ name, index }) => `${index} ${name}`)
      .sort()
      .join()
  }

  #save(): void {
    try {
      this.#store.write({ ...toSaved(this.#now), ...(this.#before && { before: toSaved(this.#before) }) })
    } catch (error) {
      const { message, hint } = FlowidentError.from(error)
      this.#log.warn({ hint }, message)
    }
  }
}
