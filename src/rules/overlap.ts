// SPDX-License-Identifier: Apache-2.0
// Rules that can never decide: a rule before them takes every packet that they would.
import { createHash } from 'node:crypto'
import { type Cidr, needsSettled, type Range, type Rule } from './model.js'
import { OverlapIndex } from './overlap-index.js'
import { spread } from './reference.js'
import { holds } from './values.js'

/** Longest that one search may take: a set is to be in force soon. */
const LIMIT_MS = 1000
/** Rules between two looks at the clock. */
const BETWEEN = 32

export interface Overlap {
  readonly kind: 'duplicate' | 'shadowed'
  readonly rule: Rule
  readonly by: Rule
}

export interface Overlaps {
  readonly found: readonly Overlap[]
  /** Of `all` rules, so many were compared with those before them. */
  readonly compared: number
  readonly all: number
}

/** Bytes of addresses as they are; all else as JSON has it. */
const spellAsk = ([name, value]: readonly [string, unknown]): string =>
  name.endsWith('.cidrs')
    ? `${name}=${(value as readonly Cidr[]).map(({ net, bytes, length }) => String.fromCharCode(net, ...bytes, length)).join('')}`
    : `${name}=${JSON.stringify(value)}`
/** Equal for rules that ask the same. */
const matchKey = ({ match, not }: Rule): string =>
  createHash('sha256')
    .update(`${spread(match).map(spellAsk).sort().join('\n')}\nnot\n${spread(not).map(spellAsk).sort().join('\n')}`)
    .digest('base64')

const subset: Readonly<Record<string, (inner: never, outer: never) => boolean>> = {
  cidrs: (inner: readonly Cidr[], outer: readonly Cidr[]) =>
    inner.every((a) => outer.some((b) => b.length <= a.length && holds(b, a.net, a.bytes))),
  ranges: (inner: readonly Range[], outer: readonly Range[]) => inner.every((a) => outer.some((b) => b.from <= a.from && a.to <= b.to)),
  list: (inner: readonly unknown[], outer: readonly unknown[]) => inner.every((each) => outer.includes(each)),
  flags: (inner: number, outer: number) => (inner & outer) === outer,
  least: (inner: number, outer: number) => inner >= outer,
  same: (inner: unknown, outer: unknown) => inner === outer,
}
const kinds: Readonly<Record<string, string>> = {
  'source.cidrs': 'cidrs',
  'destination.cidrs': 'cidrs',
  'source.ports': 'ranges',
  'destination.ports': 'ranges',
  vlan: 'ranges',
  icmp: 'ranges',
  length: 'ranges',
  tunnel: 'ranges',
  tcpFlags: 'flags',
  confidence: 'least',
  direction: 'same',
  ipVersion: 'same',
  reply: 'same',
}
const kindOf = (name: string): string => kinds[name] ?? 'list'

/** A rule's conditions, taken apart once. */
interface Parts {
  readonly rule: Rule
  readonly match: ReadonlyMap<string, unknown>
  readonly not: ReadonlyMap<string, unknown>
  readonly settled: boolean
}
const partsOf = (rule: Rule): Parts => ({
  rule,
  match: new Map(spread(rule.match)),
  not: new Map(spread(rule.not)),
  settled: needsSettled(rule),
})

function holdsAll(outer: Parts, inner: Parts): boolean {
  if ((outer.settled && !inner.settled) || outer.match.size > inner.match.size || outer.not.size > inner.not.size) return false
  for (const [name, value] of outer.match) {
    const mine = inner.match.get(name)
    if (mine === undefined || !subset[kindOf(name)]?.(mine as never, value as never)) return false
  }
  for (const [name, value] of outer.not) {
    const mine = inner.not.get(name)
    // What the outer rule excludes, the inner one must exclude too: the other way round.
    if (mine === undefined || !subset[kindOf(name)]?.(value as never, mine as never)) return false
    if (name === 'tcpFlags' && ((mine as number) & (value as number)) !== value) return false
  }
  return true
}

/** Everything that `inner` takes, `outer` takes too, as far as comparing condition by condition shows. */
export const covers = (outer: Rule, inner: Rule): boolean => holdsAll(partsOf(outer), partsOf(inner))

/** Looks until the time is up; duplicates are found however long that takes. */
export function overlaps(rules: readonly Rule[], limitMs = LIMIT_MS, now: () => number = () => performance.now()): Overlaps {
  const until = now() + limitMs
  const found: Overlap[] = []
  const first = new Map<string, Rule>()
  const parts: Parts[] = rules.map(partsOf)
  const index = new OverlapIndex(rules)
  let compared = 0
  let late = false
  for (const [i, rule] of rules.entries()) {
    if (!late) compared = i
    late ||= i % BETWEEN === BETWEEN - 1 && now() > until
    if (rule.byFlow) continue
    const key = `${rule.audit} ${rule.expires ?? ''} ${matchKey(rule)}`
    const twin = first.get(key)
    if (twin !== undefined) {
      found.push({ kind: 'duplicate', rule, by: twin })
      continue
    }
    first.set(key, rule)
    if (late) continue
    for (const k of index.before(i, rule)) {
      const before = rules[k] as Rule
      if (
        before.byFlow ||
        (before.audit && !rule.audit) ||
        (before.expires ?? Infinity) < (rule.expires ?? Infinity) ||
        !holdsAll(parts[k] as Parts, parts[i] as Parts)
      )
        continue
      found.push({ kind: 'shadowed', rule, by: before })
      break
    }
  }
  return { found, compared: late ? compared : rules.length, all: rules.length }
}

/** What was not looked at, in words; nothing when all was. */
export const spellStopped = ({ compared, all }: Overlaps): string[] =>
  compared === all ? [] : [`rules that never decide were looked for among the first ${compared} of ${all} only: it took too long`]

export const spellRulePlace = ({ file, place }: Pick<Rule, 'file' | 'place'>): string => (place ? `${file}:${place.line}` : file)
export const spellOverlap = ({ kind, rule, by }: Overlap): string =>
  kind === 'duplicate'
    ? `${spellRulePlace(rule)}: ${rule.name} asks the same as ${by.name} (${spellRulePlace(by)}), which stands before it`
    : `${spellRulePlace(rule)}: ${rule.name} never decides: ${by.name} (${spellRulePlace(by)}) takes every packet of it`
