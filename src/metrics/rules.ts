// SPDX-License-Identifier: Apache-2.0
// flowident_rule_*: how often each rule decided, since its set is in force. Labels: rule, action (drop, reject, pass, rate-limit), audit. Rules
// beyond the budget are summed in `~other`, in the order of the set.
import type { RuleState } from '../rules/state.js'
import { OTHER } from '../services/service.js'
import type { Collector, Family, Sample } from './text.js'

type Count = 'packets' | 'bytes' | 'dropped' | 'flows'
const COUNTS: readonly (readonly [string, Count, string])[] = [
  ['flowident_rule_packets_total', 'packets', 'Packets that a rule decided.'],
  ['flowident_rule_bytes_total', 'bytes', 'Bytes of IP packets that a rule decided.'],
  ['flowident_rule_dropped_packets_total', 'dropped', 'Packets that a rule dropped.'],
  ['flowident_rule_flows_total', 'flows', 'Flows that began with a packet of a rule, or that it took over once they were known.'],
]

export class RulesCollector implements Collector {
  readonly name = 'rules'
  readonly #states: () => Promise<readonly RuleState[]>
  readonly #most: number
  readonly #now: () => bigint

  /** `now`: CLOCK_MONOTONIC, nanoseconds. */
  constructor(states: () => Promise<readonly RuleState[]>, maxSeries: number, now: () => bigint = () => process.hrtime.bigint()) {
    this.#states = states
    this.#most = Math.max(1, Math.floor(maxSeries / (COUNTS.length + 1)) - 1)
    this.#now = now
  }

  async collect(): Promise<Family[]> {
    const states = await this.#states()
    const [shown, rest] = [states.slice(0, this.#most), states.slice(this.#most)]
    const labels = ({ rule: { name, action, audit } }: RuleState) => ({ rule: name, action, audit: String(audit) })
    const families = COUNTS.map(([name, count, help]): Family => {
      const samples: Sample[] = shown.map((state) => ({ labels: labels(state), value: state[count] }))
      if (rest.length > 0)
        samples.push({
          labels: { rule: OTHER.id, action: OTHER.id, audit: OTHER.id },
          value: rest.reduce((sum, each) => sum + each[count], 0n),
        })
      return { name, type: 'counter', help, samples }
    })
    const now = this.#now()
    families.push({
      name: 'flowident_rule_last_hit_seconds',
      type: 'gauge',
      help: 'Seconds since a rule decided last; left out of rules that never did.',
      samples: shown
        .filter(({ lastNs }) => lastNs !== 0n)
        .map((state) => ({ labels: labels(state), value: Math.max(0, Number(now - state.lastNs) / 1e9) })),
    })
    return families
  }
}
