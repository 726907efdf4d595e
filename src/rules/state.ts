// SPDX-License-Identifier: Apache-2.0
// What is told of the rules in force.
import type { Rule } from './model.js'

export interface RuleState {
  readonly rule: Rule
  readonly enforcedAt: string
  readonly packets: bigint
  readonly bytes: bigint
  /** Of the packets, those that were dropped. */
  readonly dropped: bigint
  /** That began with a packet of the rule, or that it took over when they were known. */
  readonly flows: bigint
  /** CLOCK_MONOTONIC; 0 = never. */
  readonly lastNs: bigint
}

export interface RulesState {
  readonly etag: string
  /** False when they were switched off. */
  readonly inForce: boolean
  /** CLOCK_MONOTONIC at which the set before is in force again, unless this one is confirmed; 0: it is for good. */
  readonly untilNs: bigint
  readonly rules: readonly RuleState[]
  readonly warnings: readonly string[]
}
