// SPDX-License-Identifier: Apache-2.0
// The filter language of API and command line: words of the form key:value, all of which must hold.
//   service:payment protocol:grpc,http2 port:>1024 dst:10.0.0.0/8 -state:ended http.host:"*.example.com"
// A comma gives alternatives, `*` and `?` stand for any text and any character, a leading `-` turns a word round.
import { nearest } from '../config/nearest.js'
import { FlowidentError } from '../errors.js'
import { LABELS } from '../gen/protocols.js'
import { inPrefix, parsePrefix } from './address.js'
import { type FlowOwner, type FlowService, flowLayers } from './json.js'
import { protocolName } from './protocols.js'
import type { Labels } from './packed-labels.js'
import { FLAG, STATE } from './layout.js'
import { transportName, viewName } from './names.js'
import type { RecordView } from './record-view.js'

/** What a query may ask about one flow; the costly parts are fetched when a word needs them. */
export interface FlowFacts {
  readonly view: RecordView
  labels(): Labels | undefined
  owner(): FlowOwner | undefined
  service(): FlowService | undefined
  interfaceName(): string | undefined
}

type Test = (facts: FlowFacts) => boolean

export interface Query {
  readonly text: string
  readonly matches: Test
}

export class QueryError extends FlowidentError {
  /** Where in the text, from 0. */
  readonly position: number
  constructor(message: string, position: number, text: string, hint?: string) {
    super('bad-request', message, {
      ...(hint === undefined ? {} : { hint }),
      details: [text, `${' '.repeat(position)}^`],
    })
    this.position = position
  }
}

interface Word {
  readonly key: string
  readonly value: string
  readonly at: number
  readonly valueAt: number
  readonly negated: boolean
}

const LIMIT = 2048
const LABEL_KEYS = new Set(LABELS.map((label) => label.key))

/** A pattern of plain text, `*` and `?`, matched without backtracking over more than one star. */
export const globMatcher = (pattern: string): ((text: string) => boolean) => {
  const p = pattern.toLowerCase()
  if (!/[*?]/.test(p)) return (text) => text.toLowerCase() === p
  return (raw) => {
    const text = raw.toLowerCase()
    let at = 0
    let i = 0
    let star = -1
    let mark = 0
    while (at < text.length) {
      if (i < p.length && (p[i] === '?' || (p[i] !== '*' && p[i] === text[at]))) {
        at++
        i++
      } else if (p[i] === '*') {
        star = i++
        mark = at
      } else if (star >= 0) {
        i = star + 1
        at = ++mark
      } else return false
    }
    while (p[i] === '*') i++
    return i === p.length
  }
}

const words =
  (get: (facts: FlowFacts) => readonly (string | undefined)[], known?: readonly string[]) =>
  (word: Word, text: string): Test => {
    const patterns = word.value.split(',')
    for (const pattern of patterns)
      if (known && !/[*?]/.test(pattern) && !known.includes(pattern.toLowerCase())) {
        const near = nearest(pattern, known)
        throw new QueryError(
          `${word.key}: ${JSON.stringify(pattern)} is not one of ${known.join(', ')}`,
          word.valueAt,
          text,
          near === undefined ? undefined : `Did you mean ${near}?`,
        )
      }
    const tests = patterns.map(globMatcher)
    return (facts) => get(facts).some((value) => value !== undefined && tests.some((test) => test(value)))
  }

const numbers =
  (get: (facts: FlowFacts) => readonly (number | undefined)[]) =>
  (word: Word, text: string): Test => {
    const tests = word.value.split(',').map((part): ((n: number) => boolean) => {
      const compare = /^(<=|>=|<|>)(\d+)$/.exec(part)
      const range = /^(\d+)(?:-(\d+))?$/.exec(part)
      if (compare) {
        const n = Number(compare[2])
        if (compare[1] === '<') return (value) => value < n
        if (compare[1] === '>') return (value) => value > n
        return compare[1] === '<=' ? (value) => value <= n : (value) => value >= n
      }
      if (range) {
        const from = Number(range[1])
        const to = Number(range[2] ?? range[1])
        return (value) => value >= from && value <= to
      }
      throw new QueryError(`${word.key}: ${JSON.stringify(part)} is no number, range (80-90) or comparison (>1024)`, word.valueAt, text)
    })
    return (facts) => get(facts).some((value) => value !== undefined && tests.some((test) => test(value)))
  }

const networks =
  (ends: (view: RecordView) => readonly (0 | 1)[]) =>
  (word: Word, text: string): Test => {
    const prefixes = word.value.split(',').map((part) => {
      const prefix = parsePrefix(part)
      if (!prefix) throw new QueryError(`${word.key}: ${JSON.stringify(part)} is no address or network (10.0.0.0/8)`, word.valueAt, text)
      return prefix
    })
    return ({ view }) => ends(view).some((end) => prefixes.some((prefix) => inPrefix(view.data, view.addressAt(end), prefix)))
  }

const ended = (view: RecordView): boolean => view.stateNumber === STATE.ended || (view.flags & FLAG.closed) !== 0

const KEYS: Readonly<Record<string, (word: Word, text: string) => Test>> = {
  service: words((f) => [f.service()?.name, f.service()?.id]),
  protocol: words((f) => [protocolName(f.view.protocol)]),
  layer: words((f) => flowLayers(f.view)),
  transport: words((f) => [transportName(f.view.l4)]),
  confidence: words((f) => [f.view.confidence], ['confirmed', 'probable', 'unknown']),
  role: words((f) => [f.view.role ?? 'none'], ['client', 'server', 'none']),
  view: words((f) => [viewName(f.view.view)], ['socket', 'wire', 'replay']),
  state: words((f) => (ended(f.view) ? ['ended'] : [f.view.state, 'live']), ['pending', 'watching', 'done', 'live', 'ended']),
  port: numbers((f) => [f.view.port(0), f.view.port(1)]),
  sport: numbers((f) => [f.view.port(f.view.source)]),
  dport: numbers((f) => [f.view.port(f.view.destination)]),
  src: networks((view) => [view.source]),
  dst: networks((view) => [view.destination]),
  addr: networks(() => [0, 1]),
  host: words((f) => {
    const labels = f.labels()
    return [labels?.get('http.host'), labels?.get('tls.sni')]
  }),
  pid: numbers((f) => [f.owner()?.pid]),
  uid: numbers((f) => [f.owner()?.uid]),
  user: words((f) => [f.owner()?.userName]),
  process: words((f) => [f.owner()?.comm, f.owner()?.exePath]),
  unit: words((f) => [f.owner()?.unit]),
  container: words((f) => [f.owner()?.container?.id, f.owner()?.container?.id.slice(0, 12)]),
  pod: words((f) => [f.owner()?.podUid]),
  cgroup: words((f) => [f.owner()?.cgroupPath]),
  netns: numbers((f) => [f.owner()?.netns]),
  interface: words((f) => [f.interfaceName()]),
  vlan: numbers((f) => [f.view.vlan]),
  bytes: numbers((f) => [f.view.bytesNear(0) + f.view.bytesNear(1)]),
  packets: numbers((f) => [f.view.packetsNear(0) + f.view.packetsNear(1)]),
}
export const queryKeys: readonly string[] = Object.keys(KEYS)

const readWords = (text: string): Word[] => {
  const found: Word[] = []
  // key, colon, then a quoted value or everything up to the next blank
  const pattern = /\s*(?:(-?)([A-Za-z][\w.]*):(?:"([^"]*)"|(\S*))|(\S+))/y
  for (let at = 0; text.slice(at).trim() !== ''; at = pattern.lastIndex) {
    pattern.lastIndex = at
    const match = pattern.exec(text)!
    const start = at + (match[0].length - match[0].trimStart().length)
    if (match[5] !== undefined) throw strayWord(match[5], start, text)
    const key = match[2]!
    const value = match[3] ?? match[4] ?? ''
    const valueAt = start + match[1]!.length + key.length + 1
    if (value === '' || (match[3] === undefined && value.includes('"')))
      throw new QueryError(value === '' ? `${key}: has no value` : `${key}: the closing quote is missing`, valueAt, text)
    found.push({ key, value, at: start, valueAt, negated: match[1] === '-' })
  }
  return found
}

const strayWord = (word: string, at: number, text: string): QueryError =>
  new QueryError(
    `${JSON.stringify(word)} is not of the form key:value`,
    at,
    text,
    /^:\d+$/.test(word) ? `Did you mean port${word}?` : `Keys are ${queryKeys.join(', ')} and the labels of a flow, such as http.host.`,
  )

/** Reads a query; throws QueryError. An empty one matches everything. */
export const parseQuery = (text: string): Query => {
  if (text.length > LIMIT) throw new QueryError(`a query has at most ${LIMIT} characters`, LIMIT, text.slice(0, LIMIT))
  const tests = readWords(text).map((word): Test => {
    const test = testOf(word, text)
    return word.negated ? (facts) => !test(facts) : test
  })
  return { text, matches: (facts) => tests.every((test) => test(facts)) }
}

const testOf = (word: Word, text: string): Test => {
  const make = Object.hasOwn(KEYS, word.key) ? KEYS[word.key] : undefined
  if (make) return make(word, text)
  if (LABEL_KEYS.has(word.key)) return words((f) => [f.labels()?.get(word.key)])(word, text)
  const near = nearest(word.key, [...queryKeys, ...LABEL_KEYS])
  throw new QueryError(
    `there is no key ${JSON.stringify(word.key)}`,
    word.at,
    text,
    near === undefined ? `Keys are ${queryKeys.join(', ')} and the labels of a flow, such as http.host.` : `Did you mean ${near}:?`,
  )
}
