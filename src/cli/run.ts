// SPDX-License-Identifier: Apache-2.0
// The daemon in the foreground: configuration, start, notifications to systemd, reload on SIGHUP, and a clean end on SIGINT or SIGTERM.
import { once } from 'node:events'
import { Option } from 'commander'
import { type LoadedConfig, loadConfig } from '../config/load.js'
import { type Config, flagName, isPlain, settings } from '../config/schema.js'
import { FlowidentError } from '../errors.js'
import { loadAddon } from '../kernel/native-kernel.js'
import { createLogger, type Logger } from '../log.js'
import type { Register } from './command.js'

/** What the daemon offers to the one who runs it. */
export interface Running extends AsyncDisposable {
  /** Takes over a new configuration; returns the settings that only a restart changes. */
  reload?(config: Config): Promise<readonly string[] | undefined> | readonly string[] | undefined
}

export interface RunContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly signal: AbortSignal
  readonly load: () => LoadedConfig
  readonly start: (config: Config, log: Logger) => Promise<Running>
  readonly notify: (state: string) => boolean
  /** Calls back for every SIGHUP; returns how to stop that. */
  readonly onHangup: (reload: () => void) => () => void
}

/** Half of the time after which systemd takes the daemon for hung, or undefined when it does not watch us. */
export function watchdogMs(env: Readonly<Record<string, string | undefined>>, pid: number = process.pid): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC'])
  const watched = env['WATCHDOG_PID'] === undefined || Number(env['WATCHDOG_PID']) === pid
  return watched && Number.isFinite(microseconds) && microseconds > 0 ? Math.max(1, Math.floor(microseconds / 2000)) : undefined
}

function logFailure(log: Logger, error: unknown, message: string): void {
  const { details, hint } = FlowidentError.from(error)
  log.error({ err: error, ...(details.length > 0 && { details }), ...(hint !== undefined && { hint }) }, message)
}

async function reload(daemon: Running, { load, log, notify }: RunContext): Promise<void> {
  notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  try {
    const { config, warnings } = load()
    for (const warning of warnings) log.warn(warning)
    const later = (await daemon.reload?.(config)) ?? []
    log.level = config.log.level
    if (later.length > 0) log.warn({ settings: later }, 'these settings change only with a restart')
    log.info('configuration reloaded')
  } catch (error) {
    // A mistake in the new file must not end a daemon that works.
    logFailure(log, error, 'the configuration was not reloaded; the old one stays in force')
  } finally {
    notify('READY=1')
  }
}

/** Runs until the signal; returns when everything is detached. */
export async function runDaemon(context: RunContext, config: Config): Promise<void> {
  const { env, log, signal, notify, onHangup } = context
  const started = performance.now()
  await using daemon = await context.start(config, log)
  const every = watchdogMs(env)
  const watchdog = every === undefined ? undefined : setInterval(() => notify('WATCHDOG=1'), every)
  let reloads = Promise.resolve()
  const stopListening = onHangup(() => {
    // One after the other: two SIGHUPs in a row must not mix their configurations.
    reloads = reloads.then(() => reload(daemon, context))
  })
  try {
    log.info({ ms: Math.round(performance.now() - started) }, 'ready')
    notify(`READY=1\nSTATUS=Watching\nMAINPID=${process.pid}`)
    if (!signal.aborted) await once(signal, 'abort')
    log.info(config.keep.enabled ? 'stopping: what is kept stays attached' : 'stopping: detaching everything')
    notify('STOPPING=1\nSTATUS=Detaching')
  } finally {
    stopListening()
    clearInterval(watchdog)
    await reloads
  }
}

/** Aborts on the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopOnSignals(): { signal: AbortSignal; release: () => void } {
  const stop = new AbortController()
  const handler = (name: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(name === 'SIGINT' ? 130 : 143)
    stop.abort()
  }
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, handler)
  const release = () => {
    for (const name of names) process.off(name, handler)
  }
  return { signal: stop.signal, release }
}

export const register: Register = (program, io) => {
  const command = program
    .command('run')
    .description('run the daemon in the foreground (root)')
    .option('--config <file>', 'read this file in place of /etc/flowident/flowident.yaml')
  const plain = settings().filter(isPlain)
  const key = (path: string) => command.createOption(`${flagName(path)} <value>`).attributeName()
  for (const { path, schema } of plain)
    command.addOption(new Option(`${flagName(path)} <value>`, `${schema.description ?? ''} (default: ${JSON.stringify(schema.default)})`))
  command.action(async (options: Readonly<Record<string, string | undefined>>) => {
    const flags = Object.fromEntries(
      plain.flatMap(({ path }) => {
        const value = options[key(path)]
        return value === undefined ? [] : [[path, value]]
      }),
    )
    const load = () => loadConfig({ file: options['config'], env: io.env, flags })
    const { config, warnings, files } = load()
    const log = createLogger({ level: config.log.level, format: config.log.format, env: io.env })
    for (const warning of warnings) log.warn(warning)
    log.info({ files: files.join(', ') || 'none' }, 'configuration read')
    const addon = loadAddon(io.env)
    const { signal, release } = stopOnSignals()
    const { Daemon } = await import('../daemon.js')
    const onHangup = (again: () => void) => {
      process.on('SIGHUP', again)
      return () => void process.off('SIGHUP', again)
    }
    const notify = (state: string) => addon.sdNotify(state)
    try {
      await runDaemon({ env: io.env, log, signal, load, start: (...given) => Daemon.start(...given), notify, onHangup }, config)
    } finally {
      release()
    }
    log.info('stopped')
  })
}
