// SPDX-License-Identifier: Apache-2.0
// What commands print: data on stdout as a table (terminal) or as JSON, talk on stderr. Names from the network never reach a
// terminal as control characters.

export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

/** What a command has of the world; tests pass their own. */
export interface Io {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Control characters, C1 controls, bidirectional overrides and line separators as \xNN or \u{NNNN}. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu, (c) => {
    const code = c.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

export const colourful = (stream: Stream, env: Io['env']): boolean =>
  (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' && ((env['FORCE_COLOR'] ?? '') !== '' || stream.isTTY === true)

export type Paint = (style: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string
const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

export function painter(stream: Stream, env: Io['env']): Paint {
  if (!colourful(stream, env)) return (_style, text) => text
  return (style, text) => `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m`
}

/** Terminal cells of a printable text: East Asian wide characters and emoji take two, combining marks none. */
export function width(text: string): number {
  let cells = 0
  for (const c of text) {
    const code = c.codePointAt(0) ?? 0
    if (code < 0x300) cells++
    else if (/\p{Mark}/u.test(c)) continue
    else if (
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(c)
    )
      cells += 2
    else cells++
  }
  return cells
}

export function clip(text: string, cells: number): string {
  if (width(text) <= cells) return text
  let cut = ''
  let used = 0
  for (const c of text) {
    if (used + width(c) > cells - 1) break
    cut += c
    used += width(c)
  }
  return `${cut}…`
}

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => unknown
  readonly right?: boolean
  /** Widest that the column may get; the last column takes what is left of the line. */
  readonly max?: number
}

const cell = (value: unknown): string => (value === undefined || value === null || value === '' ? '-' : printable(String(value)))

/** Rows under a line of titles, columns two blanks apart. On a terminal lines are cut at its edge, in a file they are not. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], edge: number | undefined, paint: Paint): string[] {
  const cells = rows.map((row) =>
    columns.map(({ value, max }) => (edge !== undefined && max ? clip(cell(value(row)), max) : cell(value(row)))),
  )
  const widths = columns.map(({ title }, i) => cells.reduce((widest, line) => Math.max(widest, width(line[i] ?? '')), title.length))
  const draw = (line: readonly string[], style?: 'bold') => {
    const padded = line.map((text, i) => {
      const pad = ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(text)))
      if (columns[i]?.right === true) return pad + text
      return i === columns.length - 1 ? text : text + pad
    })
    const whole = padded.join('  ').trimEnd()
    const cut = edge === undefined ? whole : clip(whole, edge)
    return style === undefined ? cut : paint(style, cut)
  }
  return [
    draw(
      columns.map(({ title }) => title),
      'bold',
    ),
    ...cells.map((line) => draw(line)),
  ]
}

/** Bytes with a unit that keeps three digits: 1023 B, 1.0 KiB, 17 MiB. */
export function bytes(value: unknown): string {
  const number = Number(value)
  if (value === undefined || value === null || !Number.isFinite(number)) return '-'
  if (number < 1024) return `${number} B`
  const power = Math.min(5, Math.floor(Math.log2(number) / 10))
  const scaled = number / 1024 ** power
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)} ${['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'][power]}B`
}

export function endpoint(address: unknown, port: unknown): string {
  if (address === undefined || address === null) return '-'
  const host = String(address)
  if (port === undefined || port === null || port === 0) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export class Printer {
  readonly paint: Paint
  readonly #io: Io

  constructor(io: Io) {
    this.#io = io
    this.paint = painter(io.stdout, io.env)
  }

  line(text = ''): void {
    this.#io.stdout.write(`${text}\n`)
  }

  /** One object per line for lists, so that it can be read as it comes. */
  json(values: readonly unknown[]): void {
    for (const value of values) this.line(JSON.stringify(value))
  }

  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
    // a serial line says 0
    const edge = this.#io.stdout.isTTY === true ? this.#io.stdout.columns || 80 : undefined
    for (const line of table(rows, columns, edge, this.paint)) this.line(line)
  }

  talk(text: string): void {
    this.#io.stderr.write(`${printable(text)}\n`)
  }
}
