// SPDX-License-Identifier: Apache-2.0
// Places that settings come from: YAML files, the environment, flags. Each becomes a tree of plain values that can say where
// in it a setting stands.
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { type Document, isAlias, isMap, isSeq, LineCounter, type Node, parseAllDocuments, parseDocument } from 'yaml'
import { errorName, FlowidentError } from '../errors.js'
import { nearest } from './nearest.js'
import { environmentName, flagName, isPlain, type Setting, settings } from './schema.js'
import { type LargeYaml, parseLarge } from './yaml-large.js'

export interface Place {
  readonly line: number
  readonly column: number
}

export interface Mistake extends Partial<Place> {
  /** File, variable or flag. */
  readonly source: string
  readonly text: string
}

export interface Source {
  readonly kind: 'file' | 'environment' | 'flag'
  readonly tree: unknown
  /** The file; or the variable or flag that a setting came from. */
  nameOf(path: readonly (string | number)[]): string
  /** Position of the value at `path`, or of its key. */
  place(path: readonly (string | number)[], what: 'key' | 'value'): Place | undefined
}

/** Larger than any sane configuration; a bound on what a slip such as `--config /dev/zero` can cost. */
export const fileBytes = 1_048_576
/** Aliases that one file may expand to: enough for shared match blocks, far from a bomb. */
const aliases = 100

/** The text of a file, or undefined when there is none and it may be absent. */
export function readConfigFile(path: string, required: boolean, most: number = fileBytes): string | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (!required && ['ENOENT', 'ENOTDIR'].includes(errorName(error) ?? '')) return undefined
    throw new FlowidentError('config-unreadable', `${path}: ${(error as Error).message}`, { cause: error })
  }
  try {
    const file = fstatSync(fd)
    if (!file.isFile()) throw new FlowidentError('config-unreadable', `${path}: not a regular file`)
    const room = Math.min(most, Math.max(file.size, fileBytes))
    const buffer = Buffer.alloc(room + 1)
    let used = 0
    for (let got = -1; got !== 0 && used < buffer.length; used += got) got = readSync(fd, buffer, used, buffer.length - used, null)
    if (used > room) throw new FlowidentError('config-unreadable', `${path}: larger than ${room} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, used))
  } catch (error) {
    if (error instanceof FlowidentError) throw error
    const reason = error instanceof TypeError ? 'not UTF-8 text' : (error as Error).message
    throw new FlowidentError('config-unreadable', `${path}: ${reason}`, { cause: error })
  } finally {
    closeSync(fd)
  }
}

/** The *.yaml files of a folder in the order of their names; a folder that is not there has none. */
export function yamlFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'))
    return names.sort().map((name) => join(folder, name))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorName(error) ?? '')) return []
    throw new FlowidentError('config-unreadable', `${folder}: ${(error as Error).message}`, { cause: error })
  }
}

function findPlace(doc: Document, lines: LineCounter, path: readonly (string | number)[], what: 'key' | 'value'): Place | undefined {
  const resolve = (node: unknown) => (isAlias(node) ? node.resolve(doc) : node)
  let node: unknown = doc.contents
  let offset: number | undefined = (node as Node | null)?.range?.[0]
  for (const [i, step] of path.entries()) {
    const parent = resolve(node)
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => String((key as { value?: unknown })?.value ?? key) === String(step))
      if (pair === undefined) break
      const key = (pair.key as Node | null)?.range?.[0]
      const value = (pair.value as Node | null)?.range?.[0]
      offset = (what === 'key' && i === path.length - 1 ? key : (value ?? key)) ?? offset
      node = pair.value
    } else if (isSeq(parent)) {
      node = parent.items[Number(step)]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    } else break
  }
  if (offset === undefined) return undefined
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

export interface Parsed {
  readonly source: Source
  readonly mistakes: Mistake[]
}

const yamlOptions = { prettyErrors: false, uniqueKeys: true, strict: true } as const

function parsed(name: string, text: string, lines: LineCounter, parse: () => Document): Parsed {
  const mistakes: Mistake[] = []
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  let tree: unknown = {}
  let doc: Document | undefined
  try {
    doc = parse()
    for (const { message, code, pos } of [...doc.errors, ...doc.warnings]) {
      const words =
        code === 'DUPLICATE_KEY'
          ? `the key ${JSON.stringify(text.slice(pos[0]).match(/^[^:\s]+/)?.[0] ?? '')} is there twice; keep one`
          : message
      mistakes.push({ source: name, ...at(pos[0]), text: words })
    }
    if (mistakes.length === 0) tree = doc.toJS({ maxAliasCount: aliases }) ?? {}
  } catch (error) {
    const reason = error instanceof RangeError ? 'nested too deeply' : (error as Error).message
    mistakes.push({ source: name, line: 1, column: 1, text: reason })
  }
  const found = doc
  return {
    source: { kind: 'file', tree, nameOf: () => name, place: (path, what) => (found ? findPlace(found, lines, path, what) : undefined) },
    mistakes,
  }
}

export function parseYaml(name: string, text: string): Parsed {
  const large = parseLarge(text)
  return large === undefined ? parseThoroughly(name, text) : parsedLarge(name, text, large)
}

function parseThoroughly(name: string, text: string): Parsed {
  const lines = new LineCounter()
  return parsed(name, text, lines, () => parseDocument(text, { ...yamlOptions, lineCounter: lines }))
}

/** Items of lists in the outermost map know their place; any other, as a mistake asks for, is found by the thorough parser. */
function parsedLarge(name: string, text: string, { tree, offset }: LargeYaml): Parsed {
  const lines = new LineCounter()
  for (let at = 0; ; ) {
    lines.addNewLine(at)
    const end = text.indexOf('\n', at)
    if (end < 0) break
    at = end + 1
  }
  let thorough: Source | undefined
  const place: Source['place'] = (path, what) => {
    const [list, index, ...more] = path
    const found = more.length === 0 && typeof list === 'string' && typeof index === 'number' ? offset(list, index) : undefined
    if (found === undefined) {
      thorough ??= parseThoroughly(name, text).source
      return thorough.place(path, what)
    }
    const { line, col } = lines.linePos(found)
    return { line, column: col }
  }
  return { source: { kind: 'file', tree, nameOf: () => name, place }, mistakes: [] }
}

/** Documents that `---` parts; a file with nothing in it has none. */
export function parseYamls(name: string, text: string): Parsed[] {
  const lines = new LineCounter()
  let docs: readonly Document[]
  try {
    docs = parseAllDocuments(text, { ...yamlOptions, lineCounter: lines }) as Document[]
  } catch {
    return [parseYaml(name, text)] // tells why
  }
  return docs.map((doc) => parsed(name, text, lines, () => doc))
}

/** A word from the environment or the command line, as the type that the setting has; what does not fit stays a word. */
function fromWord(setting: Setting, word: string): unknown {
  if (setting.schema.type === 'integer') return /^-?\d+$/.test(word) ? Number(word) : word
  if (setting.schema.type === 'boolean') {
    if (/^(true|yes|on|1)$/i.test(word)) return true
    return /^(false|no|off|0)$/i.test(word) ? false : word
  }
  if (setting.schema.type !== 'array') return word
  return word
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function fromWords(kind: 'environment' | 'flag', given: ReadonlyMap<Setting, string>, nameOf: (path: string) => string): Source {
  const tree: Record<string, unknown> = {}
  for (const [setting, word] of given) {
    let here = tree
    for (const key of setting.keys.slice(0, -1)) {
      const next = (here[key] ?? {}) as Record<string, unknown>
      here[key] = next
      here = next
    }
    here[setting.keys.at(-1) ?? ''] = fromWord(setting, word)
  }
  const whole = (path: readonly (string | number)[]) => path.filter((key) => typeof key === 'string').join('.')
  return { kind, tree, nameOf: (path) => nameOf(whole(path)), place: () => undefined }
}

/** Variables of ours that are not settings. */
const otherVariables = ['FLOWIDENT_ADDON', 'FLOWIDENT_CONFIG', 'FLOWIDENT_URL']

/** An unknown FLOWIDENT_* variable is only warned of: Kubernetes makes some for a service that is called flowident. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): { source: Source; warnings: string[] } {
  const byName = new Map(
    settings()
      .filter(isPlain)
      .map((setting) => [environmentName(setting.path), setting]),
  )
  const given = new Map<Setting, string>()
  const warnings: string[] = []
  for (const [name, word] of Object.entries(env)) {
    if (!name.startsWith('FLOWIDENT_') || word === undefined || otherVariables.includes(name)) continue
    const setting = byName.get(name)
    if (setting !== undefined) given.set(setting, word)
    else {
      const meant = nearest(name, [...byName.keys(), ...otherVariables])
      warnings.push(`${name}: no such setting${meant === undefined ? '' : `; did you mean ${meant}?`}`)
    }
  }
  return { source: fromWords('environment', given, environmentName), warnings }
}

/** `flags` by dotted path, as the command line collected them. */
export function fromFlags(flags: Readonly<Record<string, string>>): Source {
  const byPath = new Map(settings().map((setting) => [setting.path, setting]))
  const given = new Map<Setting, string>()
  for (const [path, word] of Object.entries(flags)) {
    const setting = byPath.get(path)
    if (setting !== undefined) given.set(setting, word)
  }
  return fromWords('flag', given, flagName)
}
