// SPDX-License-Identifier: Apache-2.0
// `flowident rules preview`: what rules would have dropped of late.
import type { Command } from 'commander'
import { loadRules, readRuleFiles } from '../rules/load.js'
import { clientOf, type CommonOptions, whole, withClient } from './command.js'
import { bytes, type Column, type Io, Printer } from './output.js'

interface Options extends CommonOptions {
  readonly minutes?: number
}

interface Row {
  readonly rule: string
  readonly audit: boolean
  readonly service: string
  readonly flows: number
  readonly packets: number
  readonly bytes: number
  readonly example: string
}
interface Answer {
  readonly window_seconds: number
  readonly covered_seconds: number
  readonly view: string
  readonly flows: number
  readonly looked_at: number
  readonly rules: readonly string[]
  readonly rows: readonly Row[]
}

const counts: readonly Column<Row>[] = [
  { title: 'FLOWS', value: (row) => row.flows, right: true },
  { title: 'PACKETS', value: (row) => row.packets, right: true },
  { title: 'BYTES', value: (row) => bytes(row.bytes), right: true },
]
const byService: readonly Column<Row>[] = [
  { title: 'SERVICE', value: (row) => row.service, max: 40 },
  { title: 'RULE', value: (row) => (row.audit ? `${row.rule} (audit)` : row.rule), max: 40 },
  ...counts,
  { title: 'FOR EXAMPLE', value: (row) => row.example },
]
const byRule: readonly Column<Row>[] = [
  { title: 'RULE', value: (row) => (row.audit ? `${row.rule} (audit)` : row.rule), max: 40 },
  ...counts,
  { title: 'SERVICES', value: (row) => row.service, right: true },
]

/** One row a rule; `service` says of how many. */
function sums(rows: readonly Row[]): Row[] {
  return [...new Set(rows.map(({ rule }) => rule))].map((rule) => {
    const mine = rows.filter((row) => row.rule === rule)
    const sum = (of: (row: Row) => number) => mine.reduce((all, row) => all + of(row), 0)
    return {
      ...(mine[0] as Row),
      service: String(mine.length),
      flows: sum((row) => row.flows),
      packets: sum((row) => row.packets),
      bytes: sum((row) => row.bytes),
    }
  })
}

const minutes = (seconds: number): string => (seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`)

async function run(io: Io, paths: readonly string[], options: Options): Promise<void> {
  const printer = new Printer(io)
  const seconds = (options.minutes ?? 60) * 60
  // Mistakes are found here, with the names that the files have here.
  const body = paths.length === 0 ? '' : JSON.stringify({ files: loadRules(readRuleFiles(paths)).texts })
  const path = `/api/v1/rules/preview?window_seconds=${seconds}`
  const answer = await clientOf(options, io).post<Answer>(path, body, { 'content-type': 'application/json' })
  if (answer.covered_seconds < seconds)
    printer.talk(`warning: flows that ended more than ${minutes(answer.covered_seconds)} ago are partly forgotten (flows.history)`)
  if (answer.looked_at < answer.flows) printer.talk(`warning: time ran out after the newest ${answer.looked_at} of ${answer.flows} flows`)
  if (answer.view === 'socket') printer.talk('warning: nothing crossed an interface that is watched: these are flows of sockets')
  if (options.json === true) {
    printer.json([answer])
    return
  }
  const idle = answer.rules.filter((rule) => !answer.rows.some((row) => row.rule === rule)).length
  if (answer.rows.length > 0) {
    printer.table(answer.rows, byService)
    printer.line()
    printer.table(sums(answer.rows), byRule)
    printer.line()
  }
  const hit = new Set(answer.rows.map(({ rule }) => rule)).size
  printer.line(`${hit} of ${hit + idle} rules decide something in ${answer.looked_at} flows of the last ${minutes(seconds)}`)
}

export function registerPreview(rules: Command, io: Io): void {
  withClient(rules.command('preview'))
    .description('what rules would have dropped of the flows of late, by service and by rule')
    .argument('[path...]', 'rule files, or folders of them (default: the rules in force)')
    .option('--minutes <n>', 'how far back (default: 60)', (text) => whole('--minutes', text, 7 * 24 * 60))
    .action((paths: string[], options: Options) => run(io, paths, options))
}
