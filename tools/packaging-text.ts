// SPDX-License-Identifier: Apache-2.0
// Manual pages, shell completion and the commented configuration file, from the command table and the configuration schema:
// none of them is written by hand, so none of them can be out of date. usage: packaging-text.ts FOLDER
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { parseDocument } from 'yaml'
import { buildProgram } from '../src/cli/program.js'
import { environmentName, flagName, isPlain, rootSchema, settings } from '../src/config/schema.js'

let help = ''
const quiet = { write: () => true }
const text = {
  write: (part: string) => {
    help += part
    return true
  },
}
const program = buildProgram({ stdout: text, stderr: quiet, env: {} })
program.outputHelp()
const exitCodes = /^Exit codes: (.*)$/m.exec(help)?.[1]
if (exitCodes === undefined) throw new Error('the help text names no exit codes')

interface Entry {
  /** Names from below the program, such as `rules show`; empty for the program itself. */
  readonly path: string
  readonly command: Command
}

const helper = program.createHelp()
const subcommands = (command: Command): Command[] => helper.visibleCommands(command).filter((child) => child.name() !== 'help')
const table = (command: Command, path = ''): Entry[] => [
  { path, command },
  ...subcommands(command).flatMap((child) => table(child, `${path} ${child.name()}`.trim())),
]
const entries = table(program)

/** Text that roff prints as it is: no escapes, requests or typographic dashes. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&')

function commandPage(): string {
  const lines = ['.TH FLOWIDENT 1 "" flowident "User Commands"', '.SH NAME', `flowident \\- ${roff(program.description())}`]
  lines.push('.SH SYNOPSIS', '.B flowident', roff(program.usage()), '.SH COMMANDS')
  for (const { path, command } of entries) {
    if (path !== '') lines.push(`.SS "${roff(helper.commandUsage(command)).replaceAll('"', '\\(dq')}"`, roff(command.description()))
    for (const option of helper.visibleOptions(command))
      lines.push('.TP', `.B ${roff(helper.optionTerm(option))}`, roff(helper.optionDescription(option)))
  }
  lines.push('.SH "EXIT STATUS"', roff(exitCodes ?? ''), '.SH FILES', '.I /etc/flowident/flowident.yaml')
  lines.push('.SH "SEE ALSO"', '.BR flowident.yaml (5)', '')
  return lines.join('\n')
}

function configPage(): string {
  const lines = ['.TH FLOWIDENT.YAML 5 "" flowident "File Formats"', '.SH NAME', 'flowident.yaml \\- configuration of flowident']
  lines.push('.SH DESCRIPTION', 'Every setting has a default. On SIGHUP the daemon reads the file again.', '.SH SETTINGS')
  for (const setting of settings()) {
    const { path, schema } = setting
    lines.push(
      '.TP',
      `.B ${roff(path)}`,
      roff(`${(schema.description ?? '').replace(/\.?$/, '.')} Default: ${JSON.stringify(schema.default)}.`),
    )
    if (isPlain(setting)) lines.push('.br', roff(`Variable ${environmentName(path)}, flag ${flagName(path)}.`))
  }
  lines.push('.SH "SEE ALSO"', '.BR flowident (1)', '')
  return lines.join('\n')
}

/** Every setting with its default, all of it commented out; throws when that would not be YAML once the marks are removed. */
function configFile(): string {
  const lines = ['## Configuration of flowident: every setting with its default. flowident.yaml(5) says more.']
  const plain: string[] = []
  const shown = new Set<string>()
  const put = (line: string): void => {
    plain.push(line)
    lines.push(`#${line}`)
  }
  for (const { path, keys, schema } of settings()) {
    for (let depth = 1; depth < keys.length; depth++) {
      const section = keys.slice(0, depth).join('.')
      if (shown.has(section)) continue
      shown.add(section)
      if (depth === 1) lines.push('', `## ${rootSchema.properties?.[section]?.description ?? section}`)
      put(`${'  '.repeat(depth - 1)}${keys[depth - 1]}:`)
    }
    const indent = '  '.repeat(keys.length - 1)
    lines.push(...`${schema.description ?? path}`.split('\n').map((text) => `## ${text}`))
    put(`${indent}${keys.at(-1)}: ${JSON.stringify(schema.default)}`)
  }
  const mistakes = parseDocument(plain.join('\n')).errors
  if (mistakes.length > 0) throw new Error(`the default configuration is not YAML: ${mistakes[0]?.message}`)
  return `${lines.join('\n')}\n`
}

/** What may follow the words of an entry: commands below it and its long options. */
const next = ({ command }: Entry): string[] => [
  ...subcommands(command).map((child) => child.name()),
  ...helper.visibleOptions(command).flatMap(({ long }) => (long === undefined || long === null ? [] : [long])),
]
/** Reads the words before the cursor into `path`; bash and zsh differ only in how they name those words. */
const walk = (words: string): string[] => [
  "  local path='' word",
  `  for word in ${words}; do`,
  '    case "$path $word" in',
  `      ${entries
    .filter(({ path }) => path !== '')
    .map(({ path }) => `' ${path}'`)
    .join('|')}) path="$path $word" ;;`,
  '    esac',
  '  done',
]
const cases = (action: (words: string) => string): string[] => [
  '  case "$path" in',
  ...entries.map((entry) => `    '${entry.path === '' ? '' : ` ${entry.path}`}') ${action(next(entry).join(' '))} ;;`),
  '  esac',
]

const bash = (): string =>
  [
    '_flowident() {',
    "  local words=''",
    ...walk('"${COMP_WORDS[@]:1:COMP_CWORD-1}"'),
    ...cases((words) => `words='${words}'`),
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")',
    '}',
    'complete -o default -F _flowident flowident',
    '',
  ].join('\n')

const zsh = (): string =>
  [
    '#compdef flowident',
    ...walk('"${(@)words[2,CURRENT-1]}"').map((line) => line.slice(2)),
    ...cases((words) => `compadd -- ${words}`),
    '_files',
    '',
  ].join('\n')

function fish(): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines: string[] = []
  for (const { path, command } of entries) {
    const below = subcommands(command).map((child) => child.name())
    const seen = path
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
    const notYet = below.length > 0 ? [`not __fish_seen_subcommand_from ${below.join(' ')}`] : []
    const on = seen.join('; and ')
    const where = [...seen, ...notYet].join('; and ')
    for (const child of subcommands(command))
      lines.push(`complete -c flowident -n ${quote(where)} -f -a ${child.name()} -d ${quote(child.description())}`)
    for (const { long, description } of helper.visibleOptions(command))
      if (long) lines.push(`complete -c flowident${on === '' ? '' : ` -n ${quote(on)}`} -l ${long.slice(2)} -d ${quote(description)}`)
  }
  return `${lines.join('\n')}\n`
}

const folder = process.argv[2]
if (folder === undefined) throw new Error('usage: packaging-text.ts FOLDER')
const files: Readonly<Record<string, string>> = {
  'usr/share/man/man1/flowident.1': commandPage(),
  'usr/share/man/man5/flowident.yaml.5': configPage(),
  'etc/flowident/flowident.yaml': configFile(),
  'usr/share/bash-completion/completions/flowident': bash(),
  'usr/share/zsh/vendor-completions/_flowident': zsh(),
  'usr/share/fish/vendor_completions.d/flowident.fish': fish(),
}
for (const [name, text] of Object.entries(files)) {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
