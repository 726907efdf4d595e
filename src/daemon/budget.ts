// SPDX-License-Identifier: Apache-2.0
// Keeps what flowident costs, the programs in the kernel and this process, within a share of the machine's CPU time: step by step
// less is done for flows, and more again when there is room. Packets and bytes are counted exactly in every step.
// Metric labels: step.
import { availableParallelism } from 'node:os'
import type { Check } from '../api/context.js'
import { BUDGET_STEP } from '../gen/abi.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import type { Collector, Family } from '../metrics/text.js'

/** In the order of enum fi_budget_step. */
const STEPS = ['full', 'first', 'sampled', 'counters'] as const
const WHAT: Readonly<Record<(typeof STEPS)[number], string>> = {
  full: 'every flow is identified as far as it goes',
  first: 'the first packets of a flow decide',
  sampled: 'one new flow in 16 is identified, the others are only counted',
  counters: 'new flows are only counted',
}
const LAST = BUDGET_STEP.MAX - 1

/** Samples over the budget, one after the other, after which less is done. */
const UP = 3
/** Samples below half of it after which more is done; twice as many each time that this was too early, and so many at most. */
const DOWN = 10
const DOWN_MOST = 320
/** A step up within so many samples of one down means that it was too early. */
const SOON = 30

/** `2%` as 0.02; undefined for `off`. */
export const parseShare = (text: string): number | undefined => (text === 'off' ? undefined : Number(text.slice(0, -1)) / 100)

export interface BudgetParts {
  /** Milliseconds, of a clock that does not jump. */
  readonly now: () => number
  /** CPU time of this process in milliseconds. */
  readonly cpuMs: () => number
  readonly cpus: number
}

const ownParts: BudgetParts = {
  now: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  cpus: availableParallelism(),
}

export class CpuBudget implements Collector {
  readonly name = 'budget'
  readonly #kernel: Pick<Kernel, 'programs' | 'setBudget'>
  readonly #share: number | undefined
  readonly #log: Logger
  readonly #parts: BudgetParts
  #step = 0
  #changes = 0
  #used = 0
  #last: { readonly at: number; readonly ms: number } | undefined
  #over = 0
  #under = 0
  #hold = DOWN
  #sinceDown = Number.POSITIVE_INFINITY

  /** `share`: of the time of all CPUs, above 0 up to 1; undefined: no budget. */
  constructor(kernel: Pick<Kernel, 'programs' | 'setBudget'>, share: number | undefined, log: Logger, parts: BudgetParts = ownParts) {
    this.#kernel = kernel
    this.#share = share
    this.#log = log
    this.#parts = parts
  }

  /** Everything is done, whatever a process before this one left. */
  start(): void {
    this.#kernel.setBudget(BUDGET_STEP.FULL)
  }

  /** To be called once a second. */
  sample(): void {
    if (this.#share === undefined) return
    const programs = this.#kernel.programs().reduce((sum, { runNs }) => sum + Number(runNs) / 1e6, 0)
    const [last, next] = [this.#last, { at: this.#parts.now(), ms: programs + this.#parts.cpuMs() }]
    this.#last = next
    if (last === undefined || next.at <= last.at) return
    this.#used = Math.max(0, next.ms - last.ms) / ((next.at - last.at) * this.#parts.cpus)
    this.#over = this.#used > this.#share ? this.#over + 1 : 0
    this.#under = this.#used < this.#share / 2 ? this.#under + 1 : 0
    this.#sinceDown++
    if (this.#over >= UP && this.#step < LAST) {
      this.#hold = this.#sinceDown <= SOON ? Math.min(2 * this.#hold, DOWN_MOST) : DOWN
      this.#go(this.#step + 1)
    } else if (this.#under >= this.#hold && this.#step > 0) {
      this.#sinceDown = 0
      this.#go(this.#step - 1)
    }
  }

  #go(step: number): void {
    this.#kernel.setBudget(step)
    const worse = step > this.#step
    this.#step = step
    this.#changes++
    this.#over = 0
    this.#under = 0
    const told = { step: this.#name, used: this.#percent(this.#used), budget: this.#percent(this.#share ?? 0) }
    if (worse) this.#log.warn(told, `CPU budget exceeded: ${WHAT[this.#name]}`)
    else this.#log.info(told, `within the CPU budget: ${WHAT[this.#name]}`)
  }

  get #name(): (typeof STEPS)[number] {
    return STEPS[this.#step] ?? 'counters'
  }
  #percent(share: number): string {
    return `${Number((share * 100).toPrecision(2))}%`
  }

  /** For /readyz; none without a budget. */
  get checks(): Check[] {
    if (this.#share === undefined) return []
    const detail = `${WHAT[this.#name]} (${this.#percent(this.#used)} of ${this.#percent(this.#share)} used)`
    return [{ name: 'CPU budget', ok: this.#step === 0, detail }]
  }

  collect(): Family[] {
    if (this.#share === undefined) return []
    return [
      {
        name: 'flowident_budget_step',
        type: 'gauge',
        help: `1 for what is done to keep the CPU budget: ${STEPS.map((step) => `${step} = ${WHAT[step]}`).join('; ')}.`,
        samples: STEPS.map((step, i) => ({ labels: { step }, value: i === this.#step ? 1 : 0 })),
      },
      {
        name: 'flowident_budget_changes_total',
        type: 'counter',
        help: 'Times that another step was taken.',
        samples: [{ labels: {}, value: this.#changes }],
      },
      {
        name: 'flowident_budget_used_ratio',
        type: 'gauge',
        help: 'CPU time of the kernel programs and the daemon in the last second, as a share of that of all CPUs.',
        samples: [{ labels: {}, value: this.#used }],
      },
    ]
  }
}
