// SPDX-License-Identifier: Apache-2.0
// `flowident rules`: check, show, test, apply and switch off drop rules.
import { statSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { FlowidentError } from '../errors.js'
import type { RecordView } from '../flows/record-view.js'
import { fromNative, loadAddon } from '../kernel/native-kernel.js'
import { namePacks } from '../flows/protocols.js'
import { type Compiled, compilePacks } from '../packs/compile.js'
import { loadPacks, packFiles, packsFolder } from '../packs/load.js'
import { replayRecords } from '../replay/replay.js'
import { describedPacket } from '../rules/describe.js'
import { Evaluator } from '../rules/evaluator.js'
import { explain } from '../rules/explain.js'
import { loadRules, readRuleFiles, type RuleSet, rulesFolder } from '../rules/load.js'
import { enforcedAt, isOfContract, type Rule } from '../rules/model.js'
import { packetOfFlow, textOfFlow } from '../rules/flow-packet.js'
import { clientOf, type CommonOptions, type Register, withClient, withJson } from './command.js'
import { registerContracts } from './contracts.js'
import { registerNetworkPolicy } from './network-policy.js'
import { registerPreview } from './rules-preview.js'
import { sshConnectionOf } from './ssh-connection.js'
import { registerDrops } from './rule-drops.js'
import { bytes, type Column, type Io, Printer } from './output.js'

interface Options extends CommonOptions {
  readonly rules?: readonly string[]
  readonly ifMatch?: string
  readonly direction?: string
  readonly why?: boolean
  readonly packs?: string
  readonly confirmWithin?: number
  readonly overrideGuard?: readonly string[]
}

type Shown = Readonly<Record<string, unknown>>
interface Told {
  readonly in_force: boolean
  readonly confirm_within_seconds: number | null
  readonly rules: Shown[]
  readonly warnings: readonly string[]
}
const columns: readonly Column<Shown>[] = [
  { title: 'RULE', value: (rule) => rule['name'] },
  {
    title: 'ACTION',
    value: (rule) => `${String(rule['action'])}${rule['audit'] === true ? ' (audit)' : rule['reset'] === true ? ' (reset)' : ''}`,
  },
  { title: 'WHERE', value: (rule) => rule['enforced_at'] },
  { title: 'PACKETS', value: (rule) => rule['packets'], right: true },
  { title: 'FLOWS', value: (rule) => rule['flows'], right: true },
  { title: 'DROPPED', value: (rule) => rule['dropped_packets'], right: true },
  { title: 'BYTES', value: (rule) => bytes(rule['bytes']), right: true },
  {
    title: 'LAST',
    value: (rule) => (typeof rule['last_hit_seconds'] === 'number' ? `${Math.round(rule['last_hit_seconds'])} s ago` : null),
  },
]

const again = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]
const seconds = (text: string): number => {
  const [, number, unit] = /^(\d{1,5})(s|m)?$/.exec(text) ?? []
  if (number === undefined) throw new InvalidArgumentError('expected a time such as 60s or 5m')
  return Number(number) * (unit === 'm' ? 60 : 1)
}
const load = (paths: readonly string[]) => loadRules(readRuleFiles(paths.length > 0 ? paths : [rulesFolder]))
/** The signature packs whose protocols rules may name. */
function takePacks({ packs = packsFolder }: Options): Compiled {
  const compiled = compilePacks(loadPacks(packFiles(packs)))
  namePacks(compiled.names)
  return compiled
}
const counts = ({ rules, contracts }: RuleSet): string => {
  const own = rules.filter((rule) => !isOfContract(rule)).length
  return contracts.length === 0 ? `${own} rules` : `${own} rules, ${contracts.length} contracts`
}
const place = ({ file, place: at }: Rule): string => (at ? `${file}:${at.line}` : file)

async function show(io: Io, options: Options): Promise<void> {
  const printer = new Printer(io)
  const answer = await clientOf(options, io).get<Told>('/api/v1/rules')
  if (answer.confirm_within_seconds !== null)
    printer.talk(`on trial for another ${Math.ceil(answer.confirm_within_seconds)} s; \`flowident rules confirm\` keeps them`)
  if (!answer.in_force && answer.rules.length > 0) printer.talk('the rules are switched off; `flowident rules apply` puts them in force')
  for (const warning of answer.warnings) printer.talk(`warning: ${warning}`)
  if (options.json === true) printer.json(answer.rules)
  else if (answer.rules.length === 0) printer.line('there are no rules')
  else printer.table(answer.rules, columns)
}

function testPacket(io: Io, rules: readonly Rule[], words: readonly string[], options: Options): void {
  const printer = new Printer(io)
  const packet = describedPacket(words)
  const [verdict] = new Evaluator(loadAddon(io.env), rules, [{ name: packet.interface, index: packet.ifindex }]).ask([packet])
  const result = explain(rules, packet, verdict)
  if (options.json === true) {
    printer.json([result])
    return
  }
  printer.line(`${result.decision}: ${result.rule === null ? '' : `${result.rule} (${result.place}), because `}${result.reason}`)
  if (result.audit !== null) printer.line(`counted by ${result.audit}`)
  if (options.why === true) for (const { rule, because } of result.before) printer.line(`  not ${rule}: ${because}`)
}

async function testCapture(io: Io, rules: readonly Rule[], file: string, options: Options, packs: Compiled): Promise<void> {
  const printer = new Printer(io)
  const rows: Shown[] = []
  const addon = loadAddon(io.env)
  const evaluator = new Evaluator(addon, rules, [])
  const take = (view: RecordView): void => {
    for (const end of [view.source, view.destination]) {
      if (Number(view.packets(end)) === 0) continue
      const [packet, text] = [packetOfFlow(view, end, options.direction === 'out' ? 'out' : 'in'), textOfFlow(view, end)]
      const { decision, rule, audit, reason } = explain(rules, packet, evaluator.ask([packet])[0])
      rows.push({ flow: text, decision, rule, audit, reason })
    }
  }
  const { problem } = await replayRecords(addon, file, take, { packs })
  if (problem !== null) printer.talk(`warning: ${file}: ${problem}`)
  if (options.json === true) {
    printer.json(rows)
    return
  }
  printer.table(rows, [
    { title: 'DECISION', value: (row) => row['decision'] },
    { title: 'RULE', value: (row) => row['rule'] },
    { title: 'PACKETS OF', value: (row) => row['flow'] },
    { title: 'WHY', value: (row) => row['reason'] },
  ])
}

const withPacks = (command: Command): Command =>
  command.option('--packs <dir>', `folder of the signature packs whose protocols rules may name (default: ${packsFolder})`)
const withRules = (command: Command): Command =>
  command.option('--rules <path>', `a rule file, or a folder of them; may be given again (default: ${rulesFolder})`, again)

export const register: Register = (program, io) => {
  const rules = program.command('rules').description('drop rules: check, test, put in force, switch off')
  withPacks(withJson(rules.command('check')))
    .description('report every mistake with file, line and column, and rules that never decide; no root')
    .argument('[path...]', `rule files, or folders of them (default: ${rulesFolder})`)
    .action((paths: string[], options: Options) => {
      const printer = new Printer(io)
      takePacks(options)
      const set = load(paths)
      for (const warning of set.warnings) printer.talk(`warning: ${warning}`)
      if (options.json === true)
        printer.json(
          set.rules.map((rule) => ({
            name: rule.name,
            action: rule.action,
            audit: rule.audit,
            place: place(rule),
            enforced_at: enforcedAt(rule),
          })),
        )
      else printer.line(`${counts(set)}, no mistakes`)
    })
  withClient(rules.command('show'))
    .description('the rules in force, where each runs, and how often it decided')
    .action((options: Options) => show(io, options))
  withPacks(withRules(withJson(rules.command('test'))))
    .description('say which rule decides, and why; no root, no daemon')
    .argument('<packet...>', 'a packet in words, or a capture file')
    .option('--direction <way>', 'in or out: how the packets of a capture cross the interface', 'in')
    .option('--why', 'also what each rule in front lacks')
    .addHelpText(
      'after',
      "\nA flow is told by `speaks`; without it nothing is known of it yet.\n\nExamples:\n  flowident rules test 'tcp 10.0.0.1:22 > 10.0.0.2:80 in eth0'\n  flowident rules test 'tcp 10.0.0.1:40000 > 10.0.0.2:7777 speaks redis'\n  flowident rules test --rules new.yaml traffic.pcap",
    )
    .action(async (words: string[], options: Options) => {
      const packs = takePacks(options)
      const { rules: list } = load(options.rules ?? [])
      const [first = ''] = words
      if (words.length === 1 && statSync(first, { throwIfNoEntry: false })?.isFile()) await testCapture(io, list, first, options, packs)
      else testPacket(io, list, words, options)
    })
  registerDrops(rules, io)
  registerNetworkPolicy(rules, io)
  registerPreview(rules, io)
  registerContracts(rules, io)
  withPacks(withClient(rules.command('apply')))
    .description('check the rules here, then have the daemon replace all of its own by them at once')
    .argument('[path...]', `rule files, or folders of them (default: ${rulesFolder})`)
    .option('--if-match <etag>', 'only if this set is in force')
    .option(
      '--confirm-within <time>',
      'the rules before are in force again after so long, as in 60s or 5m, unless `rules confirm` comes',
      seconds,
    )
    .option('--override-guard <rule>', 'a rule that may cut off SSH sessions and the API; may be given again', again)
    .action(async (paths: string[], options: Options) => {
      const printer = new Printer(io)
      const { confirmWithin: trial } = options
      takePacks(options)
      const set = load(paths)
      const headers = { 'content-type': 'application/json', ...(options.ifMatch !== undefined && { 'if-match': options.ifMatch }) }
      const answer = await clientOf(options, io).put<Shown>('/api/v1/rules', JSON.stringify({ files: set.texts }), headers, {
        confirm_within: trial,
        override_guard: options.overrideGuard?.join(),
        ssh_connection: sshConnectionOf(io.env),
      })
      for (const warning of (answer['warnings'] ?? []) as readonly string[]) printer.talk(`warning: ${warning}`)
      if (options.json === true) printer.json([answer])
      else if (trial === undefined) printer.line(`${counts(set)} are in force`)
      else printer.line(`${counts(set)} are in force for ${trial} s; \`flowident rules confirm\` keeps them`)
    })
  withClient(rules.command('confirm'))
    .description('keep the rules that were applied with --confirm-within')
    .action(async (options: Options) => {
      const printer = new Printer(io)
      const answer = await clientOf(options, io).post<Shown>('/api/v1/rules/confirm', '{}', { 'content-type': 'application/json' })
      if (options.json === true) printer.json([answer])
      else printer.line(`${String(answer['rules'])} rules are in force for good`)
    })
  withJson(rules.command('off'))
    .description('take all rules out of force at once, in the kernel itself: the daemon need not answer (root)')
    .action((options: Options) => {
      const printer = new Printer(io)
      let off: number
      try {
        off = loadAddon(io.env).rulesOff()
      } catch (error) {
        throw fromNative(error)
      }
      if (options.json === true) printer.json([{ off }])
      else printer.line(off > 0 ? 'rules are off; `flowident rules apply` puts them in force again' : 'no rules were in force')
      if (off === 0) throw new FlowidentError('no-match', 'nothing was switched off')
    })
}
