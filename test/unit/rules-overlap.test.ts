// SPDX-License-Identifier: Apache-2.0
// Rules that never decide: the index finds what comparing every pair finds, far down long lists, and says when time ran out.
import { describe, expect, it } from 'vitest'
import { loadRules } from '../../src/rules/load.js'
import type { Rule } from '../../src/rules/model.js'
import { covers, overlaps, spellStopped } from '../../src/rules/overlap.js'
import { parseCidr } from '../../src/rules/values.js'
import { randomOf, randomRules } from '../lib/rule-worlds.js'

const cidr = (text: string) => {
  const read = parseCidr(text)
  if (typeof read === 'string') throw new Error(read)
  return read
}
const rule = (name: string, match: Rule['match']): Rule => ({
  name,
  action: 'drop',
  audit: false,
  comment: '',
  match,
  not: {},
  file: 'f',
  place: undefined,
})
/** Different from each other: an address and a port each. */
const distinct = (count: number): Rule[] =>
  Array.from({ length: count }, (_, i) =>
    rule(`r${i}`, {
      transport: [6],
      source: { cidrs: [cidr(`10.${i >> 12}.${(i >> 4) & 255}.${i & 15}`)] },
      destination: { ports: [{ from: 1000 + i, to: 1000 + i }] },
    }),
  )

describe('rules that never decide', () => {
  it('are those that comparing every pair finds, each by the first that takes it', () => {
    const random = randomOf(99)
    let shadowed = 0
    for (let n = 0; n < 40; n++) {
      const rules = randomRules(random, 150)
      const { found, compared } = overlaps(rules, 60_000)
      expect(compared).toBe(rules.length)
      const twins = new Set(found.filter(({ kind }) => kind === 'duplicate').map((each) => each.rule.name))
      const plain = rules.flatMap((inner, i) => {
        const lasts = (outer: Rule): boolean => (outer.expires ?? Infinity) >= (inner.expires ?? Infinity)
        // What the daemon gives flows to takes no packets.
        const takes = (outer: Rule): boolean => !outer.byFlow && !(outer.audit && !inner.audit) && lasts(outer) && covers(outer, inner)
        const by = inner.byFlow ? undefined : rules.slice(0, i).find(takes)
        return by && !twins.has(inner.name) ? [`${inner.name} ${by.name}`] : []
      })
      const mine = found.filter(({ kind }) => kind === 'shadowed').map((each) => `${each.rule.name} ${each.by.name}`)
      expect(mine).toEqual(plain)
      shadowed += mine.length
    }
    expect(shadowed).toBeGreaterThan(200)
  })

  it('are found among 16,000, at the end as well, within the time', () => {
    const rules = distinct(16_000)
    rules[14_000] = rule('wide', { source: { cidrs: [cidr('10.3.0.0/16')] } })
    rules[15_999] = rule('narrow', { source: { cidrs: [cidr('10.3.7.7')] }, destination: { ports: [{ from: 80, to: 80 }] } })
    const { found, compared } = overlaps(rules, 20_000)
    expect(compared).toBe(16_000)
    expect(found.map(({ kind, rule: inner, by }) => [kind, inner.name, by.name])).toContainEqual(['shadowed', 'narrow', 'wide'])
    // 10.3.x.y are r12288 and on: those behind the wide one.
    expect(found).toHaveLength(16_000 - 14_001)
  })

  it('when time runs out it is told how far the search came; duplicates are found all the same', () => {
    let clock = 0
    const rules = [...distinct(200), rule('twin', (distinct(1)[0] as Rule).match)]
    const result = overlaps(rules, 10, () => clock++ * 5)
    expect(result.compared).toBeLessThan(rules.length)
    expect(result.compared).toBeGreaterThan(0)
    expect(result.found.map((each) => each.rule.name)).toEqual(['twin'])
    expect(spellStopped(result)).toEqual([
      `rules that never decide were looked for among the first ${result.compared} of 201 only: it took too long`,
    ])
    expect(spellStopped(overlaps(rules, 60_000))).toEqual([])
  })

  it('a set of 10,000 is read and searched, and none is said to be shadowed', { timeout: 30_000 }, () => {
    const text = Array.from(
      { length: 10_000 },
      (_, i) =>
        `  - { name: r${i}, action: drop, match: { source: { cidrs: [10.${i >> 12}.${(i >> 4) & 255}.${i & 15}] }, destination: { ports: [${i + 1}] } } }`,
    )
    const started = performance.now()
    // A slow machine may not come to the end.
    const { warnings } = loadRules([{ name: 'many.yaml', text: `rules:\n${text.join('\n')}\n` }])
    expect(warnings.filter((each) => !each.includes('it took too long'))).toEqual([])
    console.log(`10,000 rules read and searched in ${Math.round(performance.now() - started)} ms`)
  })
})
