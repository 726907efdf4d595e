// SPDX-License-Identifier: Apache-2.0
// Rules from YAML: every mistake with its place and the nearest name that is known.
import type { Mistake, Source } from '../config/source.js'
import { protocolId, protocolNames } from '../flows/protocols.js'
import { type Contract, readContract } from './contract.js'
import { icmpNames, icmpSix, parseIcmp } from './icmp.js'
import { actions, type Cidr, type Conditions, type Endpoint, type Range, type Rule, TUNNEL_RANGE } from './model.js'
import { checkFlow, readFlow } from './read-flow.js'
import { readExpiry, readLimit } from './read-timed.js'
import { type Node, type Path, Reader, show } from './reader.js'
import { confidences, parseCidr, parseRange, tcpFlags, transports } from './values.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const ruleKeys = ['name', 'action', 'rate', 'audit', 'reset', 'expires', 'comment', 'match'] as const
const endpointKeys = ['cidrs', 'ports'] as const
const conditionKeys = [
  'interface',
  'direction',
  'ip_version',
  'transport',
  'reply',
  'source',
  'destination',
  'tcp_flags',
  'vlan',
  'icmp',
  'length',
  'tunnel',
  'protocol',
  'layer',
  'confidence',
] as const

const readCidr = (r: Reader) => (value: unknown, path: Path) =>
  typeof value === 'string' ? r.parsed<Cidr>(parseCidr(value), path) : r.fault(path, `expected an address or a CIDR, found ${show(value)}`)
const readRange = (r: Reader, most: number) => (value: unknown, path: Path) => r.parsed<Range>(parseRange(value, most), path)

function readEndpoint(r: Reader, value: unknown, path: Path): Endpoint {
  const node = r.section(value, path, endpointKeys)
  const cidrs = node['cidrs'] === undefined ? undefined : r.list(node['cidrs'], [...path, 'cidrs'], readCidr(r))
  const ports = node['ports'] === undefined ? undefined : r.list(node['ports'], [...path, 'ports'], readRange(r, 65_535))
  if (Object.keys(node).length === 0) r.fault(path, `${path.at(-1)}: needs cidrs, ports or both`)
  return { ...(cidrs && { cidrs }), ...(ports && { ports }) }
}

function readTransport(r: Reader, value: unknown, path: Path): number | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255) return value
  if (typeof value === 'number') return r.fault(path, `an IP protocol number is from 0 to 255, found ${value}`)
  const name = r.word(value, path, Object.keys(transports))
  return name === undefined ? undefined : transports[name]
}

const readProtocol =
  (r: Reader, unknownToo: boolean) =>
  (value: unknown, path: Path): number | undefined => {
    if (unknownToo && value === 'unknown') return 0
    const name = r.word(value, path, [...protocolNames(), ...(unknownToo ? ['unknown'] : [])])
    return name === undefined ? undefined : protocolId(name)
  }

const readIcmp = (r: Reader) => (value: unknown, path: Path) => {
  const ranges = parseIcmp(value)
  if (ranges === '') return r.word(value, path, icmpNames) as undefined
  return r.parsed(ranges, path)
}

const readTunnel = (r: Reader) => (value: unknown, path: Path) => {
  const range = r.parsed<Range>(parseRange(value, 0xffff_ffff), path)
  if (range === undefined || range.to - range.from < TUNNEL_RANGE) return range
  return r.fault(path, `a range of tunnels has at most ${TUNNEL_RANGE} ids, found ${range.to - range.from + 1}`)
}

function readName(r: Reader, value: unknown, path: Path): string | undefined {
  if (typeof value === 'string' && /^[^\s/]{1,15}$/.test(value)) return value
  return r.fault(path, `expected the name of an interface or a pattern such as eth*, found ${show(value)}`)
}

function readConditions(r: Reader, value: unknown, path: Path, more: readonly string[]): { conditions: Conditions; node: Node } {
  const node = r.section(value, path, [...conditionKeys, ...more])
  const out: Mutable<Conditions> = {}
  const at = (key: string): Path => [...path, key]
  const given = <T>(key: (typeof conditionKeys)[number], read: (value: unknown, path: Path) => T | undefined, put: (value: T) => void) => {
    if (node[key] === undefined) return
    const result = read(node[key], at(key))
    if (result !== undefined) put(result)
  }
  const list =
    <T>(one: (value: unknown, path: Path) => T | undefined) =>
    (value: unknown, here: Path) =>
      r.list(value, here, one)

  given(
    'interface',
    list((v, p) => readName(r, v, p)),
    (v) => (out.interface = v),
  )
  given(
    'direction',
    (v, p) => r.word(v, p, ['in', 'out'] as const),
    (v) => (out.direction = v),
  )
  given(
    'ip_version',
    (v, p) => (v === 4 || v === 6 ? v : r.fault(p, `expected 4 or 6, found ${show(v)}`)),
    (v: 4 | 6) => (out.ipVersion = v),
  )
  given(
    'transport',
    list((v, p) => readTransport(r, v, p)),
    (v) => (out.transport = v),
  )
  given(
    'reply',
    (v, p) => (typeof v === 'boolean' ? v : r.fault(p, `expected true or false, found ${show(v)}`)),
    (v: boolean) => (out.reply = v),
  )
  given(
    'source',
    (v, p) => readEndpoint(r, v, p),
    (v) => (out.source = v),
  )
  given(
    'destination',
    (v, p) => readEndpoint(r, v, p),
    (v) => (out.destination = v),
  )
  given(
    'tcp_flags',
    list((v, p) => r.word(v, p, Object.keys(tcpFlags))),
    (v) => {
      out.tcpFlags = v.reduce((all, flag) => all | (tcpFlags[flag] ?? 0), 0)
    },
  )
  given('vlan', list(readRange(r, 4095)), (v) => (out.vlan = v))
  given('icmp', list(readIcmp(r)), (v) => (out.icmp = v.flat()))
  given('length', list(readRange(r, 65_535)), (v) => (out.length = v))
  given('tunnel', list(readTunnel(r)), (v) => (out.tunnel = v))
  given('protocol', list(readProtocol(r, true)), (v) => (out.protocol = v))
  given('layer', list(readProtocol(r, false)), (v) => (out.layer = v))
  given(
    'confidence',
    (v, p) => r.word(v, p, ['probable', 'confirmed'] as const),
    (v) => (out.confidence = confidences.indexOf(v)),
  )
  return { conditions: out, node }
}

/** What can never be, told at once instead of a rule that never matches. */
function checkSense(r: Reader, { match, not }: Rule, path: Path): void {
  const ported = [match.source?.ports, match.destination?.ports, not.source?.ports, not.destination?.ports].some((each) => each)
  if (ported && match.transport && !match.transport.some((id) => [6, 17, 132].includes(id)))
    r.fault(
      [...path, 'match', 'transport'],
      'only tcp, udp and sctp have ports: this rule would never match; name one of them, or leave the ports out',
    )
  if ((match.tcpFlags !== undefined || not.tcpFlags !== undefined) && match.transport && !match.transport.includes(6))
    r.fault([...path, 'match', 'transport'], 'only tcp has tcp_flags: this rule would never match; name tcp, or leave the flags out')
  if (match.tcpFlags !== undefined && match.tcpFlags & (not.tcpFlags ?? 0))
    r.fault(
      [...path, 'match', 'tcp_flags'],
      'a flag is both asked for and excluded: this rule would never match; take it out of one of them',
    )
  const icmp = match.icmp ?? not.icmp
  if (icmp && match.transport && !match.transport.includes(1) && !match.transport.includes(58))
    r.fault([...path, 'match', 'transport'], 'only icmp and icmp6 have types: this rule would never match; leave one of them out')
  if (icmp && ported) r.fault([...path, 'match', 'icmp'], 'icmp has no ports: this rule would never match; leave one of them out')
  if (match.icmp && match.ipVersion && !match.icmp.some(({ from }) => from >= icmpSix === (match.ipVersion === 6)))
    r.fault([...path, 'match', 'icmp'], `there is no such message in IPv${match.ipVersion}: this rule would never match`)
  for (const end of ['source', 'destination'] as const)
    if (match.ipVersion && match[end]?.cidrs && !match[end].cidrs.some(({ net }) => net === match.ipVersion))
      r.fault(
        [...path, 'match', end, 'cidrs'],
        `no IPv${match.ipVersion} address is among them: this rule would never match; add one, or leave ip_version out`,
      )
}

function readRule(r: Reader, value: unknown, path: Path, file: string): Rule | undefined {
  const before = r.mistakes.length
  const node = r.section(value, path, ruleKeys)
  if (r.mistakes.length > before && Object.keys(node).length === 0) return undefined
  const name = node['name']
  if (typeof name !== 'string' || !/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i.test(name))
    r.fault([...path, 'name'], `name: expected 1 to 63 letters, digits, dots, hyphens and underscores, found ${show(name)}`)
  const action = r.word(node['action'], [...path, 'action'], actions)
  const limit = readLimit(r, node['rate'], [...path, 'rate'], action)
  const expires = readExpiry(r, node['expires'], [...path, 'expires'])
  const audit = node['audit'] ?? false
  if (typeof audit !== 'boolean') r.fault([...path, 'audit'], `audit: expected true or false, found ${show(audit)}`)
  const reset = node['reset'] ?? false
  if (typeof reset !== 'boolean') r.fault([...path, 'reset'], `reset: expected true or false, found ${show(reset)}`)
  const comment = node['comment'] ?? ''
  if (typeof comment !== 'string' || comment.length > 500) r.fault([...path, 'comment'], 'comment: expected a text of at most 500 letters')
  if (node['match'] === undefined) {
    r.fault(path, '"match" is missing; say what it is about: `match: {}` matches every packet')
    return undefined
  }
  const { conditions: match, node: matchNode } = readConditions(r, node['match'], [...path, 'match'], ['flow', 'not'])
  const notPath = [...path, 'match', 'not']
  const { conditions: not, node: notNode } =
    matchNode['not'] === undefined ? { conditions: {}, node: {} } : readConditions(r, matchNode['not'], notPath, ['flow'])
  const [flow, notFlow] = [readFlow(r, matchNode, [...path, 'match']), readFlow(r, notNode, notPath)]
  if (r.mistakes.length > before || action === undefined) return undefined
  const rule: Rule = {
    name: name as string,
    action,
    audit: audit as boolean,
    comment: comment as string,
    match,
    not,
    ...(limit && { limit }),
    ...(expires !== undefined && { expires }),
    ...(flow && { flow }),
    ...(notFlow && { notFlow }),
    ...(reset === true && { reset }),
    ...((flow ?? notFlow) && { byFlow: true }),
    file,
    place: r.place(path),
  }
  checkSense(r, rule, path)
  checkFlow(r, rule, path)
  return r.mistakes.length > before ? undefined : rule
}

/** The rules and contracts of one file, and its mistakes in the order of their places. */
export function readRules(file: string, source: Source): { rules: Rule[]; contracts: Contract[]; mistakes: Mistake[] } {
  const r = new Reader(source, file)
  const node = r.section(source.tree, [], ['rules', 'contracts'])
  const all = <T>(key: string, one: (value: unknown, path: Path) => T | undefined): T[] => {
    const list = node[key] ?? []
    if (Array.isArray(list)) return list.map((each, i) => one(each, [key, i])).filter((each) => each !== undefined)
    r.fault([key], `${key}: expected a list of ${key}, found ${show(list)}`)
    return []
  }
  const rules = all('rules', (value, path) => readRule(r, value, path, file))
  const contracts = all('contracts', (value, path) => readContract(r, value, path, file))
  const mistakes = r.mistakes.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
  return { rules, contracts, mistakes }
}
