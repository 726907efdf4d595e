// SPDX-License-Identifier: Apache-2.0
// Compiled rules in user space: the C code of the kernel over plain arrays.
import { RULE_VERDICT } from '../gen/abi.js'
import type { Addon } from '../kernel/kernel.js'
import { compileRules, type RuleInterface, type RuleTables } from './compile.js'
import type { Rule } from './model.js'
import { encodePackets, type Packet } from './packet.js'
import type { Verdict } from './reference.js'

const NONE = 0xffffffff

export class Evaluator {
  readonly #addon: Pick<Addon, 'evaluateRules'>
  readonly #tables: RuleTables

  constructor(addon: Pick<Addon, 'evaluateRules'>, rules: readonly Rule[], interfaces: readonly RuleInterface[]) {
    this.#addon = addon
    this.#tables = compileRules(rules, interfaces, { wallMs: 0, monotonicNs: 0n }) // packets say when they come by the wall clock
  }

  ask(packets: readonly Packet[]): Verdict[] {
    const words = this.#addon.evaluateRules(this.#tables, encodePackets(packets))
    const number = (value: number | undefined) => (value === NONE ? undefined : value)
    return packets.map((_, i) => {
      const at = (i * RULE_VERDICT.sizeof) / 4
      return {
        rule: number(words[at + RULE_VERDICT.rule / 4]),
        audit: number(words[at + RULE_VERDICT.audit / 4]),
        drop: words[at + RULE_VERDICT.drop / 4] !== 0,
        waits: words[at + RULE_VERDICT.waits / 4] !== 0,
      }
    })
  }
}
