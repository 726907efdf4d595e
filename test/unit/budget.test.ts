// SPDX-License-Identifier: Apache-2.0
// The CPU budget: steps up while it is exceeded, down when there is room, and not back and forth.
import { describe, expect, it } from 'vitest'
import { CpuBudget, parseShare } from '../../src/daemon/budget.js'
import { createLogger } from '../../src/log.js'
import { RecordedKernel } from './support/kernel.js'

const world = (share: number | undefined) => {
  const kernel = new RecordedKernel()
  const lines: string[] = []
  const clock = { at: 0, ms: 0 }
  const log = createLogger({ level: 'info', format: 'json', sink: { write: (line: string) => void lines.push(line) } })
  const budget = new CpuBudget(kernel, share, log, { now: () => clock.at, cpuMs: () => clock.ms, cpus: 2 })
  /** Seconds in each of which this share of two CPUs is used. */
  const pass = (seconds: number, used: number): void => {
    for (let i = 0; i < seconds; i++) {
      clock.at += 1000
      clock.ms += 2000 * used
      budget.sample()
    }
  }
  budget.start()
  budget.sample()
  const value = (name: string, label = ''): unknown =>
    budget
      .collect()
      .find((family) => family.name === name)
      ?.samples.find(({ labels }) => (labels['step'] ?? '') === label)?.value
  return { kernel, budget, pass, lines, value }
}

describe('CPU budget', () => {
  it('is a share of all CPUs', () => {
    expect([parseShare('off'), parseShare('2%'), parseShare('0.5%')]).toEqual([undefined, 0.02, 0.005])
  })

  it('takes a step after three seconds over it, and the next after three more', () => {
    const { kernel, budget, pass, value } = world(0.02)
    pass(2, 0.5)
    expect(kernel.budget).toBe(0)
    expect(budget.checks).toMatchObject([{ name: 'CPU budget', ok: true }])
    pass(1, 0.5)
    expect([kernel.budget, value('flowident_budget_step', 'first'), value('flowident_budget_step', 'full')]).toEqual([1, 1, 0])
    expect(budget.checks).toEqual([{ name: 'CPU budget', ok: false, detail: 'the first packets of a flow decide (50% of 2% used)' }])
    pass(3, 0.03)
    expect(kernel.budget).toBe(2)
    pass(60, 0.03)
    expect([kernel.budget, value('flowident_budget_changes_total')]).toEqual([3, 3])
    expect(value('flowident_budget_used_ratio')).toBeCloseTo(0.03)
  })

  it('counts the programs in the kernel as well', () => {
    const { kernel, pass } = world(0.02)
    let run = 0n
    kernel.programs = () => {
      run += 100_000_000n
      return [{ name: 'fi_xdp', type: 'xdp', runCount: 1n, runNs: run, insns: 1, verifiedInsns: 1, memlock: 1 }]
    }
    pass(4, 0)
    expect(kernel.budget).toBe(1)
  })

  it('a short peak changes nothing', () => {
    const { kernel, pass } = world(0.02)
    for (let i = 0; i < 20; i++) {
      pass(2, 0.9)
      pass(1, 0.01)
    }
    expect(kernel.budget).toBe(0)
  })

  it('goes back step by step, and waits longer each time that this was too early', () => {
    const { kernel, pass, value } = world(0.02)
    pass(3, 0.5)
    pass(9, 0.005)
    expect(kernel.budget).toBe(1)
    pass(1, 0.005)
    expect(kernel.budget).toBe(0)
    const changes = (): number => Number(value('flowident_budget_changes_total'))
    const before = changes()
    // A load that fits into the first step only: 600 s of going back and forth would be 90 changes.
    for (let i = 0; i < 600; i++) pass(1, kernel.budget === 0 ? 0.05 : 0.005)
    expect(changes() - before).toBeLessThan(14)
    expect(changes() - before).toBeGreaterThan(2)
  })

  it('between half of it and all of it everything stays', () => {
    const { kernel, pass } = world(0.02)
    pass(3, 0.5)
    pass(500, 0.015)
    expect(kernel.budget).toBe(1)
  })

  it('off: nothing is read, shown or changed', () => {
    const { kernel, budget, pass } = world(undefined)
    pass(100, 1)
    expect([kernel.budget, budget.collect(), budget.checks]).toEqual([0, [], []])
  })

  it('tells each step in the log', () => {
    const { pass, lines } = world(0.02)
    pass(3, 0.5)
    pass(10, 0)
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'CPU budget exceeded: the first packets of a flow decide',
      'within the CPU budget: every flow is identified as far as it goes',
    ])
  })
})
