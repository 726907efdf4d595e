// SPDX-License-Identifier: Apache-2.0
// What rules mean, as plainly as it can be said: one rule after the other, one condition after the other. `rules test` gives its
// reasons from here; tests compare the compiled tables with it.
import { type Conditions, holdsUp, isDrop, isKeyed, needsSettled, type Rule } from './model.js'
import { isKnown, namedLayer, type Packet } from './packet.js'
import { holds, inRanges, isNamed } from './values.js'

export interface Verdict {
  /** Index of the rule that decides. */
  readonly rule: number | undefined
  /** Index of a rule in front of it that only counts. */
  readonly audit: number | undefined
  readonly drop: boolean
  /** A rule in front that passes by protocol may yet match. */
  readonly waits: boolean
}

type Test = (packet: Packet, value: never) => boolean

/** Each condition by its name; a packet that lacks what is asked for meets neither it nor its negation. */
const tests: Readonly<Record<string, Test>> = {
  interface: (p, names: readonly string[]) => names.some((name) => isNamed(p.interface, name)),
  direction: (p, direction: string) => p.direction === direction,
  ipVersion: (p, version: number) => p.net === version,
  transport: (p, numbers: readonly number[]) => numbers.includes(p.transport),
  reply: (p, reply: boolean) => p.reply === reply,
  'source.cidrs': (p, cidrs: NonNullable<NonNullable<Conditions['source']>['cidrs']>) => cidrs.some((cidr) => holds(cidr, p.net, p.source)),
  'source.ports': (p, ports: Parameters<typeof inRanges>[0]) => p.ports !== undefined && inRanges(ports, p.ports.source),
  'destination.cidrs': (p, cidrs: NonNullable<NonNullable<Conditions['source']>['cidrs']>) =>
    cidrs.some((cidr) => holds(cidr, p.net, p.destination)),
  'destination.ports': (p, ports: Parameters<typeof inRanges>[0]) => p.ports !== undefined && inRanges(ports, p.ports.destination),
  tcpFlags: (p, flags: number) => p.tcpFlags !== undefined && (p.tcpFlags & flags) === flags,
  vlan: (p, ids: Parameters<typeof inRanges>[0]) => inRanges(ids, p.vlan),
  icmp: (p, messages: Parameters<typeof inRanges>[0]) => p.icmp !== undefined && inRanges(messages, p.icmp),
  length: (p, bytes: Parameters<typeof inRanges>[0]) => p.length !== undefined && inRanges(bytes, p.length),
  tunnel: (p, ids: Parameters<typeof inRanges>[0]) => inRanges(ids, p.tunnel ?? 0),
  protocol: (p, ids: readonly number[]) => ids.includes(namedLayer(p)),
  layer: (p, ids: readonly number[]) => p.layers.some((layer) => ids.includes(layer)),
  confidence: (p, least: number) => p.confidence >= least,
}
const keys = new Set(['protocol', 'layer', 'confidence'])

const spreadOut = ({ source, destination, ...rest }: Conditions): [string, unknown][] =>
  [
    ...Object.entries(rest),
    ...Object.entries(source ?? {}).map(([key, value]): [string, unknown] => [`source.${key}`, value]),
    ...Object.entries(destination ?? {}).map(([key, value]): [string, unknown] => [`destination.${key}`, value]),
  ].filter(([, value]) => value !== undefined) as [string, unknown][]

const known = new WeakMap<Conditions, readonly (readonly [string, unknown])[]>()

/** The conditions of one side by the names above; made once for each. */
export function spread(conditions: Conditions): readonly (readonly [string, unknown])[] {
  let list = known.get(conditions)
  if (list === undefined) {
    list = spreadOut(conditions)
    known.set(conditions, list)
  }
  return list
}

const lacks = (packet: Packet, name: string): boolean =>
  (name.endsWith('.ports') && packet.ports === undefined) ||
  ((name === 'tcpFlags' || name === 'icmp' || name === 'length') && packet[name] === undefined)

/** The first condition that the packet does not meet; undefined when it meets all. `keyed` false: those of the verdict are left out. */
export function mismatch(rule: Rule, packet: Packet, keyed = true): string | undefined {
  for (const [name, value] of spread(rule.match)) {
    if (!keyed && keys.has(name)) continue
    if (lacks(packet, name) || !tests[name]?.(packet, value as never)) return name
  }
  for (const [name, value] of spread(rule.not)) {
    if (!keyed && keys.has(name)) continue
    // `not` of several flags: none of them is set.
    const met = name === 'tcpFlags' ? ((packet.tcpFlags ?? 0) & (value as number)) !== 0 : tests[name]?.(packet, value as never)
    if (lacks(packet, name) || met) return `not ${name}`
  }
  return keyed && needsSettled(rule) && packet.pending ? 'the verdict is not settled' : undefined
}

/** It has not expired. `now`: in milliseconds since 1970. */
export const lives = ({ expires }: Rule, now = Date.now()): boolean => expires === undefined || now < expires

/** The rule takes part when this packet comes, and all that it asks of packets and verdicts is there. */
export const meets = (rule: Rule, packet: Packet): boolean =>
  lives(rule, packet.at) && (isKnown(packet) || !isKeyed(rule)) && mismatch(rule, packet) === undefined

export function evaluate(rules: readonly Rule[], packet: Packet): Verdict {
  const now = packet.at ?? Date.now()
  const matches = (rule: Rule, i: number): boolean => (rule.byFlow ? packet.taken === i && lives(rule, now) : meets(rule, packet))
  const found = rules.findIndex((rule, i) => !rule.audit && matches(rule, i))
  let rule = found < 0 ? undefined : found
  const counted = rules.findIndex((each, i) => each.audit && matches(each, i))
  let waits = false
  if (rule !== undefined && rules[rule]?.action !== 'pass' && packet.pending) {
    const end = rule
    waits = rules.some((each, i) => i < end && holdsUp(each) && lives(each, now) && mismatch(each, packet, false) === undefined)
    if (waits) rule = undefined
  }
  return {
    rule,
    audit: counted >= 0 && (rule === undefined || counted < rule) ? counted : undefined,
    drop: rule !== undefined && isDrop(rules[rule] as Rule),
    waits,
  }
}
