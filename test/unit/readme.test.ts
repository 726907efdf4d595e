// SPDX-License-Identifier: Apache-2.0
// Every command that a reader may copy from the documents exists as written: `console` blocks, lines that begin with `$ `.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildProgram } from '../../src/cli/program.js'

const root = join(import.meta.dirname, '../..')
const documents = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'].filter((name) => existsSync(join(root, name)))

interface Shown {
  readonly where: string
  readonly line: string
}

function commands(document: string): Shown[] {
  const shown: Shown[] = []
  let inside = false
  for (const [i, text] of readFileSync(join(root, document), 'utf8').split('\n').entries()) {
    if (/^\s*```/.test(text)) inside = !inside && /^\s*```console/.test(text)
    else if (inside && /^\s*\$ /.test(text))
      shown.push({ where: `${document}:${i + 1}`, line: text.replace(/^\s*\$ /, '').replace(/\s+#.*$/, '') })
  }
  return shown
}

/** Words of a shell line up to the first operator; quotes are taken off. */
const words = (line: string): string[] =>
  [...line.replace(/\s[|>&].*$/, '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  )

/** Argument list of ours in a line, or undefined when the line runs something else. */
function ours(line: string): string[] | undefined {
  const all = words(line).filter((word) => !/^[A-Z_]+=/.test(word))
  while (all[0] === 'sudo' || all[0] === 'npx') all.shift()
  return all[0] === 'flowident' ? all.slice(1) : undefined
}

const program = buildProgram({ stdout: { write: () => true }, stderr: { write: () => true }, env: {} })
const targets = execFileSync('make', ['--no-print-directory', 'help'], { cwd: root, encoding: 'utf8' })
const main = join(root, 'dist/main.js')
/** Need neither root nor a daemon nor a file of the reader's own. */
const runnable = (argv: readonly string[]): boolean =>
  ['demo', 'version', 'config', '--help', '--version'].includes(argv[0] ?? '') ||
  (argv[0] === 'replay' && argv.slice(1).some((word) => existsSync(join(root, word))))

describe.each(documents)('%s', (document) => {
  const shown = commands(document)

  it('shows commands', () => {
    if (document === 'README.md') expect(shown.length).toBeGreaterThan(3)
  })

  it.each(shown.filter(({ line }) => ours(line) !== undefined))('$where: $line', ({ line }) => {
    let command = program
    let rest = ours(line) ?? []
    if (rest.length === 1 && ['--help', '--version', '-V', '-h'].includes(rest[0] ?? '')) return
    for (
      let next = command.commands.find((each) => each.name() === rest[0]);
      next !== undefined;
      next = command.commands.find((each) => each.name() === rest[0])
    ) {
      command = next
      rest = rest.slice(1)
    }
    expect(command, 'no such command').not.toBe(program)
    const { operands, unknown } = command.parseOptions(rest)
    expect(unknown, 'unknown options').toEqual([])
    const required = command.registeredArguments.filter((argument) => argument.required).length
    expect(operands.length).toBeGreaterThanOrEqual(required)
  })

  it.each(shown.filter(({ line }) => /^(sudo )?make\b/.test(line)))('$where: $line', ({ line }) => {
    const goals = words(line.replace(/^sudo /, ''))
      .slice(1)
      .filter((word) => !word.includes('='))
    for (const goal of goals) expect(targets).toMatch(new RegExp(`^  ${goal} `, 'm'))
  })

  it.skipIf(!existsSync(main)).each(shown.filter(({ line }) => runnable(ours(line) ?? [])))(
    '$where runs (needs make build): $line',
    ({ line }) => {
      const run = spawnSync(process.execPath, [main, ...(ours(line) ?? [])], { cwd: root, encoding: 'utf8' })
      expect(run.status, run.stderr).toBe(0)
      expect(run.stdout).not.toBe('')
    },
  )
})

describe('the reader of console blocks', () => {
  it('finds the arguments of a command of ours', () => {
    expect(ours("sudo npx flowident flows 'port:443 x' --json | jq .")).toEqual(['flows', 'port:443 x', '--json'])
    expect(ours('FLOWIDENT_URL=x flowident who :443 > file')).toEqual(['who', ':443'])
    expect(ours('make build')).toBeUndefined()
  })
})
