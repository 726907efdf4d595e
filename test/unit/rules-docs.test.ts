// SPDX-License-Identifier: Apache-2.0
// The rule file and the commands of docs/RULES.md: their output is what the document says.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { main } from '../../src/cli/program.js'
import { loadRules } from '../../src/rules/load.js'
import { TempDir } from '../lib/temp.js'

const text = readFileSync(join(import.meta.dirname, '../../docs/RULES.md'), 'utf8')
const block = (kind: string): string => new RegExp(`\`\`\`${kind}\n([\\s\\S]*?)\`\`\``).exec(text)?.[1] ?? ''
const shown = block('console')
  .split(/^\$ /m)
  .slice(1)
  .map((each) => each.split(/\n([\s\S]*)/) as [string, string])

describe('docs/RULES.md', () => {
  const dir = new TempDir('rules-docs')
  const rules = dir.file('rules.yaml', block('yaml'))
  afterAll(() => dir[Symbol.dispose]())

  it('shows commands', () => expect(shown.length).toBeGreaterThan(3))

  it.each(shown)('%s', async (line, output) => {
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
    const argv = words.slice(1).map((word) => (word === 'rules.yaml' ? rules : word))
    let out = ''
    const stream = { write: (more: string) => (out += more) }
    const code = await main(argv, { stdout: stream, stderr: stream, env: {} })
    expect(out.replaceAll(rules, 'rules.yaml')).toBe(output)
    expect(code).toBe(0)
  })

  it.each([...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml ?? '').filter((yaml) => !yaml.includes('tpc')))(
    'is a rule file without mistakes: %s',
    (yaml) => expect(loadRules([{ name: 'docs.yaml', text: yaml }]).rules.length).toBeGreaterThan(0),
  )

  it('a rule that rejects says so', async () => {
    const [, yaml, words, output] =
      /```yaml\n(rules:\n {2}- name: no-telnet[\s\S]*?)```\n\n```text\n\$ .* '(.*)'\n(.*\n)```/.exec(text) ?? []
    const file = dir.file('telnet.yaml', yaml ?? '')
    let out = ''
    const stream = { write: (more: string) => (out += more) }
    expect(await main(['rules', 'test', '--rules', file, words ?? ''], { stdout: stream, stderr: stream, env: {} })).toBe(0)
    expect(out.replaceAll(file, 'telnet.yaml')).toBe(output)
  })

  it('a capture is tested flow by flow', async () => {
    let out = ''
    const io = { stdout: { write: (more: string) => (out += more) }, stderr: { write: () => true }, env: {} }
    const capture = join(import.meta.dirname, '../pcap/redis-6379.pcap')
    expect(await main(['rules', 'test', '--rules', rules, capture], io)).toBe(0)
    const rows = out.split('\n').filter((row) => row.includes(':6379'))
    expect(rows.length).toBeGreaterThan(2)
    for (const row of rows) expect(row).toMatch(/^drop +no-redis +tcp /)
  })
})
