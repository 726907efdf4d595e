// SPDX-License-Identifier: Apache-2.0
// From rules to the tables of bpf/rules.h.
import { RULE_FIELD, RULE_KIND, RULE_SMALL, RULES_EPOCH, RULES_FLAG, RULES_HEAD } from '../gen/abi.js'
import { type Asks, FieldRows } from './field-rows.js'
import { type Conditions, holdsUp, isDrop, isKeyed, looksDeep, needsSettled, type Rule, varies } from './model.js'
import { epochsOf, limitsOf, type Moment, thisMoment } from './timed.js'
import { isNamed } from './values.js'

export interface RuleInterface {
  readonly name: string
  readonly index: number
}

export interface RuleTables {
  head: Uint8Array
  rows: Uint8Array
  small: Uint8Array
  exact: Uint8Array
  limits: Uint8Array
  epochs: Uint8Array
  sources: Uint8Array
  sourceRows: Uint8Array
  destinations: Uint8Array
  destinationRows: Uint8Array
}

const SYN = 2

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
  const c = new FieldRows(rules)
  const has = (key: keyof Conditions) => (rule: Rule) => rule.match[key] !== undefined || rule.not[key] !== undefined
  const F = RULE_FIELD
  const S = RULE_SMALL

  const { askers } = c.split(F.LINK, (rule) => has('interface')(rule) || has('direction')(rule))
  const linkRow = (name: string | undefined, direction: 'in' | 'out') => c.row((rule) => linkMeets(rule, name, direction))
  const others = [linkRow(undefined, 'in'), linkRow(undefined, 'out')]
  if (askers.some(([, rule]) => has('interface')(rule)))
    for (const { name, index } of interfaces) {
      c.exact.push(F.LINK, index * 2, linkRow(name, 'in'))
      c.exact.push(F.LINK, index * 2 + 1, linkRow(name, 'out'))
    }

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
  c.small[S.LENGTH] = c.ranges(F.LENGTH, S.LENGTH, 65535, ({ length }) => length) // 0: not known
  const noIcmp = c.messages()
  const tunnel = c.tunnels()
  const source = c.addresses(F.SRC, 'source')
  const destination = c.addresses(F.DST, 'destination')

  const kinds: Readonly<Record<keyof Omit<typeof RULE_KIND, 'KINDS'>, (rule: Rule) => boolean>> = {
    ACT: ({ audit, byFlow }) => !audit && !byFlow,
    AUDIT: ({ audit, byFlow }) => audit && !byFlow,
    ACT_PACKET: (rule) => !rule.audit && !rule.byFlow && !isKeyed(rule),
    AUDIT_PACKET: (rule) => rule.audit && !rule.byFlow && !isKeyed(rule),
    WAIT: holdsUp,
    FLOW: ({ audit, byFlow }) => !audit && byFlow === true,
    FLOW_AUDIT: ({ audit, byFlow }) => audit && byFlow === true,
  }
  const limited = ({ limit }: Rule) => limit !== undefined
  const drops = (rule: Rule) => isDrop(rule) && !rule.audit
  const rejects = ({ action, audit }: Rule) => action === 'reject' && !audit
  const hides = (rule: Rule) => (drops(rule) || (limited(rule) && !rule.audit)) && !rule.byFlow && looksDeep(rule)
  const flags =
    (rules.some(kinds.AUDIT) ? RULES_FLAG.AUDITS : 0) |
    (rules.some(kinds.WAIT) ? RULES_FLAG.WAITS : 0) |
    (rules.some(hides) ? RULES_FLAG.DEEP : 0) |
    (rules.some(rejects) ? RULES_FLAG.REJECTS : 0) |
    (rules.every((rule) => !has('tcpFlags')(rule) || (rule.match.tcpFlags ?? 0) & SYN) ? RULES_FLAG.SYN : 0)

  const head = new DataView(new ArrayBuffer(RULES_HEAD.sizeof))
  const put = (at: number, value: number) => head.setUint32(at, value, true)
  put(RULES_HEAD.rules, rules.length)
  put(RULES_HEAD.used, c.used)
  put(RULES_HEAD.flags, flags)
  put(RULES_HEAD.drop, c.row(drops))
  put(RULES_HEAD.reject, c.row(rejects))
  for (const [name, wants] of Object.entries(kinds)) put(RULES_HEAD.kind + 4 * RULE_KIND[name as keyof typeof kinds], c.row(wants))
  for (const [i, row] of others.entries()) put(RULES_HEAD.link + 4 * i, row)
  put(RULES_HEAD.noPort, noSource)
  put(RULES_HEAD.noPort + 4, noDestination)
  put(RULES_HEAD.noFlags, noFlags)
  put(RULES_HEAD.noLayer, noLayer)
  put(RULES_HEAD.noIcmp, noIcmp)
  put(RULES_HEAD.tunnel, tunnel)
  const soft = rules.findIndex((rule) => rule.audit || rule.byFlow || isKeyed(rule) || has('reply')(rule))
  put(RULES_HEAD.firm, soft < 0 ? rules.length : soft)
  put(RULES_HEAD.limit, c.row(limited))
  put(
    RULES_HEAD.fleeting,
    c.row((rule) => limited(rule) || rule.expires !== undefined || varies(rule)),
  )
  const epochs = epochsOf(rules, Object.values(kinds), (wants) => c.row(wants), now)
  put(RULES_HEAD.epochs, epochs.length / RULES_EPOCH.sizeof)
  return {
    head: new Uint8Array(head.buffer),
    limits: limitsOf(rules),
    epochs,
    rows: c.rows.encode(),
    small: new Uint8Array(c.small.buffer),
    exact: new Uint8Array(Uint32Array.from(c.exact).buffer),
    sources: source.prefixes,
    sourceRows: source.rows,
    destinations: destination.prefixes,
    destinationRows: destination.rows,
  }
}
