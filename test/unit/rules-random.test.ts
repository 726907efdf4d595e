// SPDX-License-Identifier: Apache-2.0
// The compiled tables, read by the C code that also runs in the kernel, say the same as the plain reference: for thousands of
// random rule sets and packets, without one difference.
import { describe, expect, it } from 'vitest'
import { FI_RULES_MAX, RULE_VERDICT } from '../../src/gen/abi.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import type { Rule } from '../../src/rules/model.js'
import { encodePackets, type Packet } from '../../src/rules/packet.js'
import { evaluate } from '../../src/rules/reference.js'
import { INTERFACES, randomOf, randomPacket, randomRules } from '../lib/rule-worlds.js'

const addon = loadAddon()
const NONE = 0xffffffff

/** What both say of each packet, as text. */
function both(rules: readonly Rule[], packets: readonly Packet[]): { compiled: string[]; plain: string[] } {
  const words = addon.evaluateRules(compileRules(rules, INTERFACES), encodePackets(packets))
  const stride = RULE_VERDICT.sizeof / 4
  const number = (value: number | undefined) => (value === undefined || value === NONE ? '-' : String(value))
  return {
    compiled: packets.map((_, i) => {
      const [rule, audit, drop, waits] = words.subarray(i * stride, (i + 1) * stride)
      return `${number(rule)} ${number(audit)} ${drop} ${waits}`
    }),
    plain: packets.map((packet) => {
      const { rule, audit, drop, waits } = evaluate(rules, packet)
      return `${number(rule)} ${number(audit)} ${Number(drop)} ${Number(waits)}`
    }),
  }
}

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
      const last = { ...(rules.at(-1) as Rule), audit: false, match: { transport: [6] }, not: {} }
      rules[count - 1] = last
      const packets = Array.from({ length: 200 }, () => randomPacket(random))
      const { compiled, plain } = both(rules, packets)
      expect(compiled).toEqual(plain)
      expect(plain.some((text) => text.startsWith(`${count - 1} `))).toBe(true)
    }
  })

  it('a difference would be seen', () => {
    const [rule] = randomRules(randomOf(5), 1)
    const packet = randomPacket(randomOf(5))
    const always = { ...(rule as Rule), audit: false, action: 'drop' as const, match: {}, not: {} }
    const words = addon.evaluateRules(compileRules([always], INTERFACES), encodePackets([packet]))
    expect(words[0]).toBe(0)
    expect(evaluate([{ ...always, not: { direction: packet.direction } }], packet).rule).toBeUndefined()
  })
})
