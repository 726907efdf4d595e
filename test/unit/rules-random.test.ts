// SPDX-License-Identifier: Apache-2.0
// The compiled tables, read by the C code that also runs in the kernel, say the same as the plain reference: for thousands of
// random rule sets and packets, without one difference.
import { describe, expect, it } from 'vitest'
import { FI_RULES_MAX } from '../../src/gen/abi.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { Evaluator } from '../../src/rules/evaluator.js'
import type { Rule } from '../../src/rules/model.js'
import { covers } from '../../src/rules/overlap.js'
import type { Packet } from '../../src/rules/packet.js'
import { evaluate, mismatch, type Verdict } from '../../src/rules/reference.js'
import { INTERFACES, randomOf, randomPacket, randomRules } from '../lib/rule-worlds.js'

const addon = loadAddon()

const spell = ({ rule, audit, drop, waits }: Verdict): string => `${rule ?? '-'} ${audit ?? '-'} ${Number(drop)} ${Number(waits)}`

/** What both say of each packet, as text. */
const both = (rules: readonly Rule[], packets: readonly Packet[]): { compiled: string[]; plain: string[] } => ({
  compiled: new Evaluator(addon, rules, INTERFACES).ask(packets).map(spell),
  plain: packets.map((packet) => spell(evaluate(rules, packet))),
})

describe('compiled rules and the reference', () => {
  it.each([1, 2, 3, 4])('agree on 1,000 sets of up to 80 rules, 60 packets each (%i)', { timeout: 120_000 }, (seed) => {
    const random = randomOf(seed * 7919)
    const seen = new Set<string>()
    for (let n = 0; n < 1000; n++) {
      const rules = randomRules(random, 1 + random(80))
      const packets = Array.from({ length: 60 }, () => randomPacket(random))
      const { compiled, plain } = both(rules, packets)
      const wrong = plain.findIndex((text, i) => text !== compiled[i])
      if (wrong >= 0)
        expect.fail(
          `seed ${seed}, set ${n}: reference ${plain[wrong]}, compiled ${compiled[wrong]} for ${JSON.stringify(packets[wrong])} of ${JSON.stringify(rules)}`,
        )
      for (const text of plain) seen.add(text.replace(/\d+(?= \S+ \d \d$)/, 'N').replace(/ \d+ (?=\d \d$)/, ' N '))
    }
    // Each kind of answer was among them: nothing, pass, drop, wait, each with and without a rule that counts.
    expect([...seen].sort()).toEqual(['- - 0 0', '- - 0 1', '- N 0 0', '- N 0 1', 'N - 0 0', 'N - 1 0', 'N N 0 0', 'N N 1 0'].sort())
  })

  it('agree on sets of thousands of rules, over all words of a row', { timeout: 120_000 }, () => {
    const random = randomOf(42)
    for (const count of [64, 65, 4096, 4097, FI_RULES_MAX]) {
      const rules = randomRules(random, count).map(
        (rule): Rule => ({
          ...rule,
          // Rules that match seldom, so that late ones get their turn.
          match: { ...rule.match, vlan: [{ from: 4095, to: 4095 }], source: { ports: [{ from: 22, to: 22 }] } },
        }),
      )
      const { byFlow: _, ...some } = rules.at(-1) as Rule
      const last = { ...some, audit: false, expires: 10_000, match: { transport: [6] }, not: {} }
      rules[count - 1] = last
      const packets = Array.from({ length: 200 }, () => randomPacket(random))
      const { compiled, plain } = both(rules, packets)
      expect(compiled).toEqual(plain)
      expect(plain.some((text) => text.startsWith(`${count - 1} `))).toBe(true)
    }
  })

  it('a rule that covers another matches wherever that one does', () => {
    const random = randomOf(77)
    let found = 0
    for (let n = 0; n < 60_000; n++) {
      const [outer, inner] = randomRules(random, 2) as [Rule, Rule]
      if (!covers(outer, inner)) continue
      found++
      for (let k = 0; k < 30; k++) {
        const packet = randomPacket(random)
        if (mismatch(inner, packet) === undefined && mismatch(outer, packet) !== undefined)
          expect.fail(`${JSON.stringify(outer)} does not cover ${JSON.stringify(inner)}: ${JSON.stringify(packet)}`)
      }
    }
    expect(found).toBeGreaterThan(1000)
  })
})
