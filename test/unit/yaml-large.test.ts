// SPDX-License-Identifier: Apache-2.0
// Two parsers, one meaning: what the fast one reads is what the thorough one reads.
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseYaml } from '../../src/config/source.js'
import { parseLarge } from '../../src/config/yaml-large.js'

const rule = (i: number, more = '') =>
  `  - name: rule-${i}\n    action: drop\n    match:\n      transport: [tcp, udp] # both\n      source: { cidrs: [10.${i % 256}.0.0/16], ports: [1-1024, ${i}] }\n${more}`
const many = (n: number) => `# a comment\nrules:\n${Array.from({ length: n }, (_, i) => rule(i)).join('\n')}contracts: []\n`

/** Words and signs that rule files are made of, and those that mean something to one parser or another. */
const pieces = [
  'rules', 'name', 'a-b.c', '10.0.0.0/8', '::1', '2001:db8::/32', '1-2', '80', '-1', '1_000', '0x1f', '0o17', '0b1', '017', '1e3', '.5', '+1', '1.0',
  'true', 'True', 'yes', 'no', 'on', 'null', '~', '2026-11-24', '2026-11-24T00:00:00Z', '12:30:45', '.inf', '.nan', '"a: b"', "'it''s'", '"\\u00e9\\n"',
  'eth*', '*a', '&a', '!x', '<<', '|', '>', '- ', ': ', ':', ', ', '[', ']', '{', '}', '\n', '\n  ', '\n    ', '\n- ', '\n  - ', '# c', ' # c', '? ', '---\n', '...\n', '%', '@', '`', '\t', ' ',
] // biome-ignore format: a table

const sameOrRefused = (text: string) => {
  const fast = parseLarge(text, 0)
  if (fast === undefined) return false
  expect(fast.tree ?? null).toEqual(parse(text, { strict: true, uniqueKeys: true }) ?? null)
  return true
}

describe('large YAML', () => {
  it('means the same, and knows where each rule begins', () => {
    const text = many(600)
    const small = parse(text) as { rules: unknown[] }
    const { source, mistakes } = parseYaml('rules.yaml', text)
    expect(parseLarge(text)).toBeDefined()
    expect(mistakes).toEqual([])
    expect(source.tree).toEqual(small)
    const lines = text.split('\n')
    for (const i of [0, 1, 299, 599]) {
      const place = source.place(['rules', i], 'value')
      expect(place?.column).toBe(5)
      expect(lines[place!.line - 1]).toBe(`  - name: rule-${i}`)
    }
  })

  it.each([
    ['flow lists', `{rules: [ {name: a}, {name: b},\n {name: c}], other: [1, 2]}`],
    ['JSON', JSON.stringify({ rules: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], x: { y: [1] } }, null, 2)],
    ['comments between', 'x: [1, 2]\nrules:\n# one\n\n- name: a\n  # two\n\n- name: b\n-   name: c\n'],
  ])('places agree: %s', (_, text) => {
    const fast = parseLarge(text, 0)
    const { source } = parseYaml('small', text)
    for (const i of [0, 1, 2]) {
      const place = source.place(['rules', i], 'value')!
      const before = text.slice(0, fast!.offset('rules', i)).split('\n')
      expect({ line: before.length, column: before.at(-1)!.length + 1 }).toEqual(place)
    }
    expect(fast?.offset('rules', 3)).toBeUndefined()
    expect(fast?.offset('nothing', 0)).toBeUndefined()
  })

  it('tells a mistake where the thorough parser does', () => {
    const text = many(600).replace('name: rule-400', 'name: rule-400\n    name: twice')
    expect(parseLarge(text)).toBeUndefined()
    expect(parseYaml('f', text).mistakes[0]?.text).toContain('the key "name" is there twice')
    const deep = many(600)
    const value = parseYaml('f', deep).source.place(['rules', 2, 'match', 'source', 'cidrs', 0], 'value')
    expect(deep.split('\n')[value!.line - 1]!.slice(value!.column - 1)).toMatch(/^10\.2\.0\.0\/16/)
  })

  it.each(['&a x', '*a', '!!str 1', '|\n  text', '1_000', '0b1', '- 0x_f', '? a', '<<: {}', '- ---', 'a\tb', '"\u0085"'])(
    'leaves %j to the thorough parser',
    (text) => expect(parseLarge(`key: ${text}`, 0)).toBeUndefined(),
  )

  it('agrees with the thorough parser on whatever it accepts', () => {
    const docs = readdirSync('docs').filter((name) => name.endsWith('.md'))
    for (const name of docs)
      for (const [, block] of readFileSync(`docs/${name}`, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)) sameOrRefused(block!)
    let accepted = 0
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 24 }), (parts) => {
        accepted += Number(sameOrRefused(`x: 1\n${parts.join('')}`))
      }),
      { numRuns: 20_000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })
})
