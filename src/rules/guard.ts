// SPDX-License-Identifier: Apache-2.0
// Keeps a set of rules from locking out who administers this host: what carries their commands must pass it.
import { FlowidentError } from '../errors.js'
import type { LeftOut, Rule } from './model.js'
import { spellRulePlace } from './overlap.js'
import type { Packet } from './packet.js'
import { evaluate } from './reference.js'

/** Lifelines told of one rule. */
const TOLD = 3

/** A connection that must not be cut off. */
export interface Lifeline {
  /** In words, as in `the SSH session from 192.0.2.7`. */
  readonly what: string
  /** Packets of it, and of the same connection when it is opened again, in both directions. */
  readonly packets: readonly Packet[]
}

export interface GuardOptions {
  /** Names of rules that may cut off what they like. */
  readonly override?: readonly string[] | undefined
  /** SSH_CONNECTION of who asks for the change: `client-address client-port server-address server-port`. */
  readonly sshConnection?: string | undefined
}

/** `rules-lock-out`. */
export class LockOut extends FlowidentError {
  /** The rules that would cut something off, and what each of them would. */
  readonly refused: readonly LeftOut[]

  constructor(refused: readonly LeftOut[]) {
    const names = refused.map(({ name }) => `--override-guard ${name}`)
    super('rules-lock-out', `${refused.length === 1 ? 'a rule' : `${refused.length} rules`} would lock you out`, {
      details: refused.map(({ why }) => why),
      hint: `Pass it by a rule in front, or apply them all the same with ${names.slice(0, TOLD).join(' ')}${names.length > TOLD ? ' …' : ''}. The rules that were in force stay so.`,
    })
    this.refused = refused
  }
}

/** Throws LockOut when rules must not come into force. */
export type RuleGuard = (rules: readonly Rule[], options: GuardOptions) => Promise<void>

/** Lengths asked about are between an empty TCP segment and a jumbo frame, and so many. */
const [SHORTEST, LONGEST, LENGTHS] = [40, 9000, 24]

/** Lengths at which some rule begins or ends to match: a lifeline has packets of all lengths. */
function lengthsOf(rules: readonly Rule[]): readonly (number | undefined)[] {
  const ranges = rules.flatMap(({ match, not }) => [...(match.length ?? []), ...(not.length ?? [])])
  if (ranges.length === 0) return [undefined]
  const edges = ranges.flatMap(({ from, to }) => [from, to, to + 1]).filter((bytes) => bytes >= SHORTEST && bytes <= LONGEST)
  return [...new Set([52, 100, 1500, ...edges])].slice(0, LENGTHS)
}

/** Rules that cut something off, and what. */
export function cutOff(rules: readonly Rule[], lifelines: readonly Lifeline[], override: ReadonlySet<string>): Map<Rule, string[]> {
  const found = new Map<Rule, string[]>()
  const lengths = lengthsOf(rules)
  for (const { what, packets } of lifelines)
    for (const packet of packets.flatMap((each) => lengths.map((length) => (length === undefined ? each : { ...each, length })))) {
      const { drop, rule: index } = evaluate(rules, packet)
      const rule = drop && index !== undefined ? rules[index] : undefined
      if (rule === undefined || override.has(rule.name)) continue
      const before = found.get(rule) ?? []
      if (!before.includes(what)) found.set(rule, [...before, what])
    }
  return found
}

/** Throws LockOut when rules cut off a lifeline. */
export function guard(rules: readonly Rule[], lifelines: readonly Lifeline[], override: readonly string[] = []): void {
  const found = cutOff(rules, lifelines, new Set(override))
  if (found.size === 0) return
  throw new LockOut(
    [...found].map(([rule, whats]) => {
      const more = whats.length > TOLD ? ` and ${whats.length - TOLD} more` : ''
      return { name: rule.name, why: `${spellRulePlace(rule)}: ${rule.name} would cut off ${whats.slice(0, TOLD).join(', ')}${more}` }
    }),
  )
}
