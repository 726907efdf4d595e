// SPDX-License-Identifier: Apache-2.0
// From rules to the tables of bpf/rules.h.
import { RULE_FIELD, RULE_KIND, RULE_SMALL, RULES_EPOCH, RULES_FLAG, RULES_HEAD } from '../gen/abi.js'
import { addressRows } from './address-rows.js'
import { type Conditions, isKeyed, looksDeep, needsSettled, type Range, type Rule } from './model.js'
import { epochsOf, limitsOf, type Moment, thisMoment } from './timed.js'
import { rangeRows } from './range-rows.js'
import { type Bits, join, Rows, setBit } from './rows.js'
import { isNamed } from './values.js'

export interface RuleInterface {
  readonly name: string
  readonly index: number
}

export interface RuleTables {
  head: Uint8Array
  rows: Uint8Array
  small: Uint8Array
  links: Uint8Array
  limits: Uint8Array
  epochs: Uint8Array
  sources: Uint8Array
  sourceRows: Uint8Array
  destinations: Uint8Array
  destinationRows: Uint8Array
}

const SYN = 2

/** Values that a field of small numbers has; each asks a rule. */
type Asks = (rule: Rule, value: number) => boolean

class Compiler {
  readonly rows: Rows
  readonly small = new Uint32Array(RULE_SMALL.SIZE)
  used = 0
  readonly #rules: readonly Rule[]

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
    this.rows = new Rows(rules.length)
  }

  /** Row of the rules for which `wants` holds. */
  row(wants: (rule: Rule) => boolean): number {
    return this.rows.number(this.bits(wants))
  }

  bits(wants: (rule: Rule) => boolean): Bits {
    const bits = this.rows.none()
    for (let i = 0; i < this.#rules.length; i++) if (wants(this.#rules[i] as Rule)) setBit(bits, i)
    return bits
  }

  /** Rules that ask for the field, by number, and the row of the others. */
  split(field: number, asks: (rule: Rule) => boolean): { askers: [number, Rule][]; free: Bits } {
    const askers: [number, Rule][] = []
    const free = this.rows.none()
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i] as Rule
      if (asks(rule)) askers.push([i, rule])
      else setBit(free, i)
    }
    if (askers.length > 0) this.used |= 1 << field
    return { askers, free }
  }

  /** A row for each value of a field with few of them. Rules that ask the same of it, by `about`, are asked once. */
  values(field: number, from: number, count: number, about: (rule: Rule) => readonly unknown[], meets: Asks): number {
    const { askers, free } = this.split(field, (rule) => {
      for (const each of about(rule)) if (each !== undefined) return true
      return false
    })
    const none = this.rows.number(free)
    const alike = new Map<string, { readonly rule: Rule; readonly bits: Bits }>()
    for (const [i, rule] of askers) {
      const key = JSON.stringify(about(rule))
      let group = alike.get(key)
      if (!group) {
        group = { rule, bits: this.rows.none() }
        alike.set(key, group)
      }
      setBit(group.bits, i)
    }
    if (askers.length > 0)
      for (let value = 0; value < count; value++) {
        const bits = free.slice()
        for (const group of alike.values()) if (meets(group.rule, value)) join(bits, group.bits)
        this.small[from + value] = this.rows.number(bits)
      }
    return none
  }

  /** The same by ranges; gives the row of packets that do not have the field. */
  ranges(field: number, from: number, most: number, pick: (conditions: Conditions) => readonly Range[] | undefined): number {
    const { askers, free } = this.split(field, ({ match, not }) => pick(match) !== undefined || pick(not) !== undefined)
    const list = askers.map(([i, { match, not }]) => ({ rule: i, match: pick(match), not: pick(not) }))
    if (askers.length > 0) rangeRows(this.rows, free, list, this.small.subarray(from, from + most + 1), most)
    return this.rows.number(free)
  }

  addresses(field: number, end: 'source' | 'destination') {
    const { askers, free } = this.split(field, ({ match, not }) => match[end]?.cidrs !== undefined || not[end]?.cidrs !== undefined)
    const list = askers.map(([i, { match, not }]) => ({ rule: i, match: match[end]?.cidrs, not: not[end]?.cidrs }))
    return addressRows(this.rows, free, list)
  }
}

const linkMeets = ({ match, not }: Rule, name: string | undefined, direction: 'in' | 'out'): boolean => {
  const named = (patterns: readonly string[]) => name !== undefined && patterns.some((pattern) => isNamed(name, pattern))
  if (match.direction !== undefined && match.direction !== direction) return false
  if (not.direction === direction) return false
  if (match.interface !== undefined && !named(match.interface)) return false
  return not.interface === undefined || !named(not.interface)
}

const protoMeets: Asks = ({ match, not }, id) => (match.protocol?.includes(id) ?? true) && !not.protocol?.includes(id)

const confMeets: Asks = (rule, value) => {
  const [confidence, settled] = [value % 3, value >= 3]
  if (needsSettled(rule) && !settled) return false
  return confidence >= (rule.match.confidence ?? 0) && !(rule.not.confidence !== undefined && confidence >= rule.not.confidence)
}

const l4Meets: Asks = ({ match, not }, value) => {
  const [reply, net, l4] = [value >= 512, value & 256 ? 6 : 4, value & 255]
  if ((match.reply ?? reply) !== reply || not.reply === reply) return false
  if ((match.ipVersion ?? net) !== net || not.ipVersion === net) return false
  return (match.transport?.includes(l4) ?? true) && !not.transport?.includes(l4)
}

const flagsMeet: Asks = ({ match, not }, flags) =>
  (flags & (match.tcpFlags ?? 0)) === (match.tcpFlags ?? 0) && (flags & (not.tcpFlags ?? 0)) === 0

/** Rules as tables. `now`: what the clocks say, for rules that expire. `interfaces`: those that there are; a rule for one that comes later needs a new set. */
export function compileRules(rules: readonly Rule[], interfaces: readonly RuleInterface[], now: Moment = thisMoment()): RuleTables {
  const c = new Compiler(rules)
  const has = (key: keyof Conditions) => (rule: Rule) => rule.match[key] !== undefined || rule.not[key] !== undefined
  const F = RULE_FIELD
  const S = RULE_SMALL

  const { askers } = c.split(F.LINK, (rule) => has('interface')(rule) || has('direction')(rule))
  const linkRow = (name: string | undefined, direction: 'in' | 'out') => c.row((rule) => linkMeets(rule, name, direction))
  const others = [linkRow(undefined, 'in'), linkRow(undefined, 'out')]
  const links = askers.some(([, rule]) => has('interface')(rule))
    ? interfaces.flatMap(({ name, index }) => [index * 2, linkRow(name, 'in'), index * 2 + 1, linkRow(name, 'out')])
    : []

  const l4 = ({ match, not }: Rule) => [match.ipVersion, not.ipVersion, match.transport, not.transport, match.reply, not.reply]
  c.values(F.L4, S.L4, 1024, l4, l4Meets)
  const noFlags = c.values(F.FLAGS, S.FLAGS, 256, ({ match, not }) => [match.tcpFlags, not.tcpFlags], flagsMeet)
  c.values(F.PROTO, S.PROTO, 256, ({ match, not }) => [match.protocol, not.protocol], protoMeets)
  const confidence = (rule: Rule) => [rule.match.confidence, rule.not.confidence, needsSettled(rule) || undefined]
  c.values(F.CONF, S.CONF, 6, confidence, confMeets)
  const noLayer = c.values(
    F.LAYER_ANY,
    S.LAYER_ANY,
    256,
    ({ match }) => [match.layer],
    ({ match }, id) => match.layer?.includes(id) ?? true,
  )
  c.values(
    F.LAYER_NONE,
    S.LAYER_NONE,
    256,
    ({ not }) => [not.layer],
    ({ not }, id) => !not.layer?.includes(id),
  )
  const noSource = c.ranges(F.SPORT, S.SPORT, 65535, ({ source }) => source?.ports)
  const noDestination = c.ranges(F.DPORT, S.DPORT, 65535, ({ destination }) => destination?.ports)
  c.ranges(F.VLAN, S.VLAN, 4095, ({ vlan }) => vlan)
  const source = c.addresses(F.SRC, 'source')
  const destination = c.addresses(F.DST, 'destination')

  const kinds: Readonly<Record<keyof Omit<typeof RULE_KIND, 'KINDS'>, (rule: Rule) => boolean>> = {
    ACT: ({ audit }) => !audit,
    AUDIT: ({ audit }) => audit,
    ACT_PACKET: (rule) => !rule.audit && !isKeyed(rule),
    AUDIT_PACKET: (rule) => rule.audit && !isKeyed(rule),
    WAIT: (rule) => !rule.audit && rule.action !== 'drop' && isKeyed(rule),
  }
  const limited = ({ limit }: Rule) => limit !== undefined
  const drops = (rule: Rule) => rule.action === 'drop' && !rule.audit
  const flags =
    (rules.some(({ audit }) => audit) ? RULES_FLAG.AUDITS : 0) |
    (rules.some(kinds.WAIT) ? RULES_FLAG.WAITS : 0) |
    (rules.some((rule) => (drops(rule) || (limited(rule) && !rule.audit)) && looksDeep(rule)) ? RULES_FLAG.DEEP : 0) |
    (rules.every((rule) => !has('tcpFlags')(rule) || (rule.match.tcpFlags ?? 0) & SYN) ? RULES_FLAG.SYN : 0)

  const head = new DataView(new ArrayBuffer(RULES_HEAD.sizeof))
  const put = (at: number, value: number) => head.setUint32(at, value, true)
  put(RULES_HEAD.rules, rules.length)
  put(RULES_HEAD.used, c.used)
  put(RULES_HEAD.flags, flags)
  put(RULES_HEAD.drop, c.row(drops))
  for (const [name, wants] of Object.entries(kinds)) put(RULES_HEAD.kind + 4 * RULE_KIND[name as keyof typeof kinds], c.row(wants))
  for (const [i, row] of others.entries()) put(RULES_HEAD.link + 4 * i, row)
  put(RULES_HEAD.noPort, noSource)
  put(RULES_HEAD.noPort + 4, noDestination)
  put(RULES_HEAD.noFlags, noFlags)
  put(RULES_HEAD.noLayer, noLayer)
  const soft = rules.findIndex((rule) => rule.audit || isKeyed(rule) || has('reply')(rule))
  put(RULES_HEAD.firm, soft < 0 ? rules.length : soft)
  put(RULES_HEAD.limit, c.row(limited))
  put(
    RULES_HEAD.fleeting,
    c.row((rule) => limited(rule) || rule.expires !== undefined),
  )
  const epochs = epochsOf(rules, Object.values(kinds), (wants) => c.row(wants), now)
  put(RULES_HEAD.epochs, epochs.length / RULES_EPOCH.sizeof)
  return {
    head: new Uint8Array(head.buffer),
    limits: limitsOf(rules),
    epochs,
    rows: c.rows.encode(),
    small: new Uint8Array(c.small.buffer),
    links: new Uint8Array(Uint32Array.from(links).buffer),
    sources: source.prefixes,
    sourceRows: source.rows,
    destinations: destination.prefixes,
    destinationRows: destination.rows,
  }
}
