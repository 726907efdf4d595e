// SPDX-License-Identifier: Apache-2.0
// Which rule decides a packet, and why; why each one before it does not.
import { isKeyed, type Rule } from './model.js'
import { spellRulePlace } from './overlap.js'
import { isKnown, type Packet } from './packet.js'
import { mismatch, spread, type Verdict } from './reference.js'

export interface Explained {
  readonly decision: 'drop' | 'reject' | 'pass' | 'limit'
  readonly rule: string | null
  readonly place: string | null
  readonly audit: string | null
  readonly reason: string
  /** Rules in front of the one that decides, and what each of them lacks. */
  readonly before: readonly { readonly rule: string; readonly because: string }[]
}

const conditions = ({ match, not }: Rule): string => {
  const names = [...spread(match).map(([name]) => name), ...spread(not).map(([name]) => `not ${name}`)]
  return names.length === 0 ? 'it asks for nothing' : `${names.join(', ')} ${names.length === 1 ? 'fits' : 'all fit'}`
}

function why(rule: Rule, packet: Packet): string {
  if (rule.byFlow) return 'the daemon judges flows for it'
  if (isKeyed(rule) && !isKnown(packet)) return 'nothing is known of the flow yet'
  const lacking = mismatch(rule, packet)
  return lacking === undefined ? 'it only counts' : lacking
}

/** `verdict`: what the compiled rules say; nothing when there is none. */
export function explain(rules: readonly Rule[], packet: Packet, verdict: Verdict | undefined): Explained {
  const { rule: index, audit, drop, waits } = verdict ?? { rule: undefined, audit: undefined, drop: false, waits: false }
  const rule = index === undefined ? undefined : rules[index]
  return {
    decision: drop ? (rule?.action === 'reject' ? 'reject' : 'drop') : rule?.action === 'rate-limit' ? 'limit' : 'pass',
    rule: rule?.name ?? null,
    place: rule ? spellRulePlace(rule) : null,
    audit: audit === undefined ? null : (rules[audit]?.name ?? null),
    reason: rule ? conditions(rule) : waits ? 'a rule that passes by protocol may yet match: it waits for the verdict' : 'no rule matches',
    before: rules.slice(0, index).map((each) => ({ rule: each.name, because: why(each, packet) })),
  }
}
