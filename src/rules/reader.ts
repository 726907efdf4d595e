// SPDX-License-Identifier: Apache-2.0
// A tree of plain values, read member by member: what is wrong is noted with its place, and reading goes on.
import { nearest } from '../config/nearest.js'
import type { Mistake, Place, Source } from '../config/source.js'

export type Path = readonly (string | number)[]
export type Node = Readonly<Record<string, unknown>>

export const show = (value: unknown): string => (value === undefined || value === null ? 'nothing' : JSON.stringify(value).slice(0, 60))

/** `['match', 'source', 'ports', 0]` as `match.source.ports[0]`. */
export const spellPath = (path: Path): string =>
  path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')

export class Reader {
  readonly mistakes: Mistake[] = []
  readonly #source: Source
  readonly #file: string

  constructor(source: Source, file: string) {
    this.#source = source
    this.#file = file
  }

  /** What a mistake calls the field: within its rule, when it is in one. */
  field(path: Path): string {
    return spellPath(path.length > 2 && typeof path[1] === 'number' ? path.slice(2) : path)
  }

  fault(path: Path, text: string, what: 'key' | 'value' = 'value'): undefined {
    const last = `${path.at(-1)}: `
    const field = this.field(path)
    const words = text.startsWith(last) ? text.slice(last.length) : text
    this.mistakes.push({ source: this.#file, ...this.place(path, what), text: field === '' ? words : `${field}: ${words}` })
    return undefined
  }

  place(path: Path, what: 'key' | 'value' = 'value'): Place | undefined {
    return this.#source.place(path, what)
  }

  section(value: unknown, path: Path, known: readonly string[]): Node {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fault(path, `${path.at(-1) ?? 'the file'}: expected a section with ${known.join(', ')}, found ${show(value)}`)
      return {}
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue
      const meant = nearest(key, known)
      this.fault([...path, key], `unknown key "${key}"; ${meant ? `did you mean "${meant}"?` : `known here: ${known.join(', ')}`}`, 'key')
    }
    return value as Node
  }

  /** One value or a list of them, each read by `one`; what is wrong is left out. */
  list<T>(value: unknown, path: Path, one: (value: unknown, path: Path) => T | undefined): T[] | undefined {
    const values = Array.isArray(value) ? value : [value]
    if (values.length === 0) return this.fault(path, `${path.at(-1)}: the list is empty; leave it out to match everything`)
    return values.map((each, i) => one(each, Array.isArray(value) ? [...path, i] : path)).filter((each) => each !== undefined)
  }

  word<T extends string>(value: unknown, path: Path, known: readonly T[]): T | undefined {
    if (known.includes(value as T)) return value as T
    const meant = typeof value === 'string' ? nearest(value, known) : undefined
    const among = known.length > 12 ? '' : `expected ${known.join(' or ')}, `
    return this.fault(
      path,
      `${among}found ${show(value)}${among === '' && !meant ? ', which is not known' : ''}${meant ? `; did you mean "${meant}"?` : ''}`,
    )
  }

  parsed<T>(value: T | string, path: Path): T | undefined {
    return typeof value === 'string' ? this.fault(path, value) : value
  }
}
