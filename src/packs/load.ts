// SPDX-License-Identifier: Apache-2.0
// Signature packs from YAML: every mistake with its place.
import { nearest } from '../config/nearest.js'
import { type Mistake, parseYaml, readConfigFile, type Source, yamlFiles } from '../config/source.js'
import { FlowidentError } from '../errors.js'
import { PROTOCOLS } from '../gen/protocols.js'
import {
  evidenceBits,
  type Match,
  MAX_BYTES,
  MAX_MATCHES,
  MAX_PACKS,
  MAX_RULES,
  MAX_SEARCH,
  type Pack,
  type Rule,
  searchBytes,
  WINDOW,
} from './compile.js'

type Path = readonly (string | number)[]
type Node = Readonly<Record<string, unknown>>
/** Fixed bits that one direction must show, and each of two when both are required. */
export const MIN_BITS = { one: 24, both: 16 } as const

/** Reads values of one file; a mistake is noted and reading goes on. */
class Reader {
  readonly mistakes: Mistake[] = []
  readonly #source: Source
  readonly #file: string

  constructor(source: Source, file: string) {
    this.#source = source
    this.#file = file
  }
  fault(path: Path, text: string, what: 'key' | 'value' = 'value'): undefined {
    this.mistakes.push({ source: this.#file, ...this.#source.place(path, what), text })
    return undefined
  }
  section(value: unknown, path: Path, known: readonly string[]): Node {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fault(path, `${path.join('.') || 'the file'} must be a section with ${known.join(', ')}`)
      return {}
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue
      const meant = nearest(key, known)
      this.fault([...path, key], `unknown key ${key}${meant === undefined ? '' : `; did you mean ${meant}?`}`, 'key')
    }
    return value as Node
  }
  word<T extends string>(node: Node, path: Path, key: string, known: readonly T[], missing?: T): T | undefined {
    const value = node[key] ?? missing
    if (known.includes(value as T)) return value as T
    const meant = typeof value === 'string' ? nearest(value, known) : undefined
    return this.fault([...path, key], `${key} must be ${known.join(' or ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`)
  }
  number(node: Node, path: Path, key: string, low: number, high: number, missing?: number): number | undefined {
    const value = node[key] ?? missing
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value
    return this.fault([...path, key], `${key} must be a whole number from ${low} to ${high}`)
  }
  list(node: Node, path: Path, key: string, most: number): readonly unknown[] {
    const value = node[key]
    if (Array.isArray(value) && value.length > 0 && value.length <= most) return value
    this.fault([...path, key], `${key} must be a list of 1 to ${most}`)
    return []
  }
  hex(node: Node, path: Path, key: string): Uint8Array | undefined {
    const value = node[key]
    const digits = typeof value === 'string' ? value.replaceAll(' ', '') : ''
    if (/^([0-9a-f]{2})+$/i.test(digits) && digits.length <= 2 * MAX_BYTES) return Uint8Array.from(Buffer.from(digits, 'hex'))
    return this.fault([...path, key], `${key} must be 1 to ${MAX_BYTES} bytes as a quoted string of hexadecimal digits`)
  }
  content(node: Node, path: Path): Uint8Array | undefined {
    if ((node['text'] === undefined) === (node['hex'] === undefined)) return this.fault(path, 'one of text and hex must be given')
    if (node['hex'] !== undefined) return this.hex(node, path, 'hex')
    const bytes = typeof node['text'] === 'string' ? Buffer.from(node['text']) : Buffer.alloc(0)
    if (bytes.length > 0 && bytes.length <= MAX_BYTES) return Uint8Array.from(bytes)
    return this.fault([...path, 'text'], `text must be a string of 1 to ${MAX_BYTES} bytes`)
  }
}

const kinds = ['bytes', 'contains', 'length', 'minimum'] as const

function readMatch(r: Reader, value: unknown, path: Path, transport: string | undefined): Match | undefined {
  const node = r.section(value, path, kinds)
  const kind = kinds.find((key) => node[key] !== undefined)
  if (kind === undefined || Object.keys(node).length !== 1) return r.fault(path, `a match is one of ${kinds.join(', ')}`)
  if (kind === 'minimum') {
    const bytes = r.number(node, path, kind, 1, WINDOW)
    return bytes === undefined ? undefined : { kind, bytes }
  }
  const inner = [...path, kind]
  if (kind === 'length') {
    if (transport === 'tcp') return r.fault(inner, 'length is for udp: a stream has no end to compare with')
    const body = r.section(node[kind], inner, ['at', 'width', 'endian', 'add'])
    const at = r.number(body, inner, 'at', 0, WINDOW - 4)
    const width = r.number(body, inner, 'width', 1, 4)
    const endian = r.word(body, inner, 'endian', ['big', 'little'], 'big')
    const add = r.number(body, inner, 'add', -65535, 65535, 0)
    if (at === undefined || width === undefined || endian === undefined || add === undefined) return undefined
    return { kind, at, width, little: endian === 'little', add }
  }
  if (kind === 'contains') {
    const body = r.section(node[kind], inner, ['from', 'to', 'text', 'hex'])
    const at = r.number(body, inner, 'from', 0, WINDOW - 1, 0)
    const end = r.number(body, inner, 'to', 1, WINDOW)
    const want = r.content(body, inner)
    if (at === undefined || end === undefined || want === undefined) return undefined
    if (at + want.length > end) return r.fault(inner, `${want.length} bytes do not fit from ${at} to ${end}`)
    return { kind, at, end, want }
  }
  const body = r.section(node[kind], inner, ['at', 'text', 'hex', 'mask'])
  const at = r.number(body, inner, 'at', 0, WINDOW - 1, 0)
  const want = r.content(body, inner)
  if (at === undefined || want === undefined) return undefined
  if (at + want.length > WINDOW) return r.fault(inner, `only the first ${WINDOW} bytes of an end are looked at`)
  const mask = body['mask'] === undefined ? new Uint8Array(want.length).fill(255) : r.hex(body, inner, 'mask')
  if (mask === undefined) return undefined
  if (mask.length !== want.length) return r.fault([...inner, 'mask'], `mask has ${mask.length} bytes, the content ${want.length}`)
  return { kind, at, want, mask }
}

function readPack(r: Reader, file: string, tree: unknown): Pack | undefined {
  const node = r.section(tree, [], ['name', 'transport', 'grade', 'both_directions', 'rules'])
  const name = node['name']
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,30}$/.test(name))
    r.fault(['name'], 'name must be 1 to 31 small letters, digits and hyphens, a letter first')
  else if (PROTOCOLS.some((known) => known.name === name) || name === 'unknown')
    r.fault(['name'], `${name} is the name of a built-in protocol`)
  const transport = r.word(node, [], 'transport', ['tcp', 'udp'])
  const grade = r.word(node, [], 'grade', ['weak', 'fair', 'strong'], 'fair')
  const both = r.word(node, [], 'both_directions', ['required', 'optional'], 'optional') === 'required'
  const rules: Rule[] = []
  for (const [i, value] of r.list(node, [], 'rules', 8).entries()) {
    const path = ['rules', i]
    const body = r.section(value, path, ['direction', 'matches'])
    const direction = r.word(body, path, 'direction', ['client', 'server', 'either'], 'either')
    const before = r.mistakes.length
    const found = r.list(body, path, 'matches', MAX_MATCHES).map((match, k) => readMatch(r, match, [...path, 'matches', k], transport))
    if (direction === undefined || r.mistakes.length > before) continue
    const rule = { direction, matches: found.filter((match) => match !== undefined) }
    const [bits, least] = [evidenceBits(rule), both ? MIN_BITS.both : MIN_BITS.one]
    if (bits < least) r.fault(path, `too little evidence: ${bits} fixed bits, at least ${least} are needed`)
    rules.push(rule)
  }
  const ends = new Set(rules.flatMap(({ direction }) => (direction === 'either' ? ['client', 'server'] : [direction])))
  if (both && r.mistakes.length === 0 && ends.size < 2)
    r.fault(['both_directions'], 'both directions are required, but there is a rule for one only')
  if (r.mistakes.length > 0 || transport === undefined || grade === undefined) return undefined
  return { file, name: name as string, transport, grade, bothDirections: both, rules }
}

/** Reads packs; throws with every mistake of every file. */
export function loadPacks(files: readonly string[]): Pack[] {
  const packs: Pack[] = []
  const mistakes: Mistake[] = []
  for (const file of files) {
    const { source, mistakes: faults } = parseYaml(file, readConfigFile(file, true) ?? '')
    const reader = new Reader(source, file)
    const pack = faults.length > 0 ? undefined : readPack(reader, file, source.tree)
    mistakes.push(...faults, ...reader.mistakes)
    const twin = pack && packs.find(({ name }) => name === pack.name)
    if (twin) reader.fault(['name'], `${pack.name} is in ${twin.file} too`)
    if (twin) mistakes.push(...reader.mistakes)
    else if (pack) packs.push(pack)
  }
  const rules = packs.reduce((sum, pack) => sum + pack.rules.length, 0)
  if (packs.length > MAX_PACKS || rules > MAX_RULES)
    mistakes.push({ source: 'all packs', text: `${packs.length} packs with ${rules} rules: at most ${MAX_PACKS} with ${MAX_RULES}` })
  const search = packs.flatMap((pack) => pack.rules).reduce((sum, rule) => sum + searchBytes(rule), 0)
  if (search > MAX_SEARCH)
    mistakes.push({ source: 'all packs', text: `contains searches ${search} bytes in all: at most ${MAX_SEARCH}; narrow from and to` })
  if (mistakes.length > 0)
    throw new FlowidentError('config-invalid', 'signature packs have mistakes', {
      details: mistakes.map(
        ({ source, line, column, text }) => `${[source, line, column].filter((x) => x !== undefined).join(':')}: ${text}`,
      ),
    })
  return packs
}

/** Where the daemon takes them from unless told otherwise (setting packs.folder). */
export const packsFolder = '/etc/flowident/signatures.d'
export const packFiles = (folder: string): string[] => yamlFiles(folder)
