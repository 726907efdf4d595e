// SPDX-License-Identifier: Apache-2.0
// The command table, and the one place where an error becomes text and an exit code.
import { Command, CommanderError } from 'commander'
import { exitCodes, FlowidentError } from '../errors.js'
import type { Register } from './command.js'
import { register as config } from './config.js'
import { register as learn } from './contracts.js'
import { register as demo } from './demo.js'
import { register as doctor } from './doctor.js'
import { register as down } from './down.js'
import { register as explain } from './explain.js'
import { register as flows } from './flows.js'
import { type Io, painter, printable } from './output.js'
import { register as packs } from './packs.js'
import { register as replay } from './replay.js'
import { register as rules } from './rules.js'
import { register as run } from './run.js'
import { register as services } from './services.js'
import { register as top } from './top.js'
import { packageVersion, register as version } from './version.js'
import { register as who } from './who.js'

/** In the order of the help text. */
const commands: readonly Register[] = [
  run,
  flows,
  services,
  who,
  explain,
  top,
  replay,
  demo,
  doctor,
  rules,
  learn,
  down,
  config,
  packs,
  version,
]

export function buildProgram(io: Io): Command {
  const program = new Command('flowident')
    .description('which service a flow is, what it speaks, and how that is known')
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns || 100,
      getErrHelpWidth: () => io.stderr.columns || 100,
    })
    .exitOverride()
    .addHelpText('after', '\nExit codes: 0 ok, 1 failure, 2 usage, 3 no match, 4 daemon unreachable, 77 not permitted')
  for (const register of commands) register(program, io)
  return program
}

function report(error: FlowidentError, io: Io): void {
  const paint = painter(io.stderr, io.env)
  const lines = [`${paint('red', 'flowident:')} ${printable(error.message)}`, ...error.details.map((line) => `  ${printable(line)}`)]
  if (error.hint !== undefined) lines.push(printable(error.hint))
  // Only a mistake of ours is worth a stack; users' mistakes are told in words.
  if (error.code === 'internal' && error.cause instanceof Error && error.cause.stack) lines.push(error.cause.stack)
  io.stderr.write(`${lines.join('\n')}\n`)
}

/** Runs one command line; returns the exit code. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync(argv, { from: 'user' })
    return exitCodes.ok
  } catch (thrown) {
    // Commander has written its message already; asking for help or the version is no mistake.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    const error = FlowidentError.from(thrown)
    report(error, io)
    return error.exitCode
  }
}
