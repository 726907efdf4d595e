// SPDX-License-Identifier: Apache-2.0
// `flowident replay`: captures through the classifier, without privileges, kernel or daemon.
import { FlowidentError } from '../errors.js'
import { flowLine } from '../flows/json-line.js'
import { loadAddon } from '../kernel/native-kernel.js'
import { checkPacks } from '../packs/check.js'
import { loadPacks, packFiles } from '../packs/load.js'
import { addLosses, lossText } from '../replay/causes.js'
import { type ReplayOptions, replayRecords, type TakeFlow } from '../replay/replay.js'
import { type Register, whole, withJson } from './command.js'
import { type Io, Printer } from './output.js'
import { Overview } from './overview.js'

export interface ReplayCommand extends Omit<ReplayOptions, 'packs'> {
  /** Folder of signature packs. */
  readonly packs?: string | undefined
  readonly json?: boolean | undefined
  readonly limit: number
}

const plural = (n: number, word: string): string => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`

/** Output is written in pieces of this size: a call per flow would cost more than the classifier. */
const LINES = 256

/** Replays files one after the other. Those that cannot be read do not stop the rest; the first such error is thrown at the end. */
export async function runReplay(io: Io, files: readonly string[], options: ReplayCommand): Promise<void> {
  const printer = new Printer(io)
  const addon = loadAddon(io.env)
  const { packs: folder, ...bounds } = options
  const packs = folder === undefined ? undefined : checkPacks(addon, loadPacks(packFiles(folder)))
  const overview = new Overview(options.limit)
  const losses = new Map<string, number>()
  let lines: string[] = []
  const write = (): void => {
    if (lines.length > 0) io.stdout.write(`${lines.join('\n')}\n`)
    lines = []
  }
  const take: TakeFlow = (view, labels, capture) => {
    if (options.json !== true) overview.add(view, labels, capture)
    else if (lines.push(flowLine(view, labels, capture)) >= LINES) write()
  }
  const started = process.hrtime.bigint()
  let packets = 0
  let flows = 0
  let read = 0
  let failed: FlowidentError | undefined
  for (const file of files) {
    try {
      const { summary, counters, problem } = await replayRecords(addon, file, take, { ...bounds, ...(packs && { packs }) })
      read++
      packets += summary.packets
      flows += summary.flows
      addLosses(losses, counters, summary)
      if (problem !== null) printer.talk(`warning: ${file}: ${problem}`)
    } catch (error) {
      const mine = FlowidentError.from(error)
      if (mine.code !== 'capture-unreadable') throw mine
      if (failed) printer.talk(`error: ${failed.message}`)
      failed = mine
    }
  }
  write()
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  if (read > 0) {
    if (options.json !== true) overview.print(printer)
    const rate = Math.round(packets / Math.max(seconds, 1e-3)).toLocaleString('en')
    printer.talk(
      `${plural(packets, 'packet')}, ${plural(flows, 'flow')} from ${plural(read, 'file')} in ${seconds.toFixed(2)} s (${rate} packets/s)`,
    )
    if (losses.size > 0) printer.talk(`in no flow or incomplete: ${lossText(losses)}`)
  }
  if (failed) throw failed
}

export const register: Register = (program, io) => {
  withJson(program.command('replay'))
    .description('identify the flows of capture files: no root, no kernel, no daemon')
    .argument('<file...>', 'pcap or pcapng, plain or gzip; - for standard input')
    .option('-n, --limit <count>', 'show at most this many flows in the table', (text) => whole('--limit', text), 50)
    .option('--max-flows <count>', 'flows kept at once', (text) => whole('--max-flows', text, 1 << 26), 500_000)
    .option('--idle <seconds>', 'a flow silent for so long, in time of the capture, has ended', (text) => whole('--idle', text), 600)
    .option('--packs <dir>', 'also identify the protocols that the signature packs in this folder define')
    .addHelpText(
      'after',
      '\nA capture cannot know processes and services; flows are named by address and port.\n\nExamples:\n  flowident replay traffic.pcapng\n  tcpdump -i any -w - | flowident replay --json - | jq .',
    )
    .action(async (files: string[], options: { json?: boolean; limit: number; maxFlows: number; idle: number; packs?: string }) => {
      await runReplay(io, files, {
        json: options.json,
        limit: options.limit,
        maxFlows: options.maxFlows,
        idleSeconds: options.idle,
        packs: options.packs,
      })
    })
}
