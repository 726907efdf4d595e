// SPDX-License-Identifier: Apache-2.0
// Logs go to stderr, in the form that its reader wants: systemd's journal, a person at a terminal, or a program (JSON lines).
import { fstatSync } from 'node:fs'
import { type Logger, pino } from 'pino'

export type { Logger }
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const logFormats = ['auto', 'json', 'pretty', 'journal'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFormat = (typeof logFormats)[number]

/** Where lines go; process.stderr is one. */
export interface LogSink {
  write(line: string): unknown
  readonly isTTY?: boolean
  readonly fd?: number
}

export interface LogOptions {
  level?: LogLevel
  format?: LogFormat
  sink?: LogSink
  env?: Readonly<Record<string, string | undefined>>
}

/** journald reads a leading <N> as the syslog severity of the line. */
const severity: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 }
const levelWord: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }
const levelColour: Readonly<Record<number, number>> = { 10: 90, 20: 90, 30: 32, 40: 33, 50: 31, 60: 31 }

/** systemd sets JOURNAL_STREAM to device:inode of the stream it gave; it is inherited, so it must name our own stderr. */
export function writesToJournal(sink: LogSink, env: Readonly<Record<string, string | undefined>>): boolean {
  const stream = env['JOURNAL_STREAM']
  if (stream === undefined || sink.fd === undefined) return false
  try {
    const { dev, ino } = fstatSync(sink.fd, { bigint: true })
    return stream === `${dev}:${ino}`
  } catch {
    return false
  }
}

function chooseFormat(format: LogFormat, sink: LogSink, env: Readonly<Record<string, string | undefined>>): Exclude<LogFormat, 'auto'> {
  if (format !== 'auto') return format
  if (writesToJournal(sink, env)) return 'journal'
  return sink.isTTY === true ? 'pretty' : 'json'
}

interface Line {
  level: number
  time: number
  msg?: string
  area?: string
  err?: { message?: string; stack?: string; type?: string; code?: string }
  [key: string]: unknown
}

/** `key=value` of the members a reader has not seen yet; a value with a blank in it is quoted. */
function members(line: Line): string {
  const { level: _level, time: _time, msg: _msg, area: _area, err, ...rest } = line
  const words = Object.entries(rest).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return `${key}=${typeof value === 'string' && /[\s"=]/.test(text) ? JSON.stringify(text) : text}`
  })
  if (err?.message !== undefined && err.message !== line.msg) words.push(`error=${JSON.stringify(err.message)}`)
  return words.length === 0 ? '' : ` ${words.join(' ')}`
}

/** One record is one line in the journal and on a terminal, whatever a peer put into a name. */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function journalLine(line: Line): string {
  return `<${severity[line.level] ?? 6}>${oneLine(`${line.area ? `${line.area}: ` : ''}${line.msg ?? ''}${members(line)}`)}\n`
}

function prettyLine(line: Line, colour: boolean): string {
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const time = new Date(line.time).toTimeString().slice(0, 8)
  const word = paint(levelColour[line.level] ?? 0, (levelWord[line.level] ?? String(line.level)).padEnd(5))
  const area = line.area === undefined ? '' : `${line.area}: `
  const stack = line.level >= 50 && line.err?.stack !== undefined ? `\n${line.err.stack}` : ''
  return `${paint(90, time)} ${word} ${oneLine(`${area}${line.msg ?? ''}`)}${paint(90, oneLine(members(line)))}${stack}\n`
}

export function createLogger(options: LogOptions = {}): Logger {
  const sink: LogSink = options.sink ?? process.stderr
  const env = options.env ?? process.env
  const format = chooseFormat(options.format ?? 'auto', sink, env)
  const colour = sink.isTTY === true && (env['NO_COLOR'] ?? '') === ''
  const destination = {
    write(text: string): void {
      if (format === 'json') sink.write(text)
      else sink.write(format === 'journal' ? journalLine(JSON.parse(text) as Line) : prettyLine(JSON.parse(text) as Line, colour))
    },
  }
  return pino({ level: options.level ?? 'info', base: null, serializers: { err: pino.stdSerializers.err } }, destination)
}
