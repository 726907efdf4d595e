// SPDX-License-Identifier: Apache-2.0
// What of rules depends on time: rates, and until when each rule takes part; as bpf/rules.h has them.
import { FI_LIMIT_TICKS, LIMIT_FLAG, RULE_KIND, RULE_LIMIT, RULES_EPOCH } from '../gen/abi.js'
import type { Rule } from './model.js'

const SECOND = 1_000_000_000n * BigInt(FI_LIMIT_TICKS)
const FOREVER = 0xffff_ffff_ffff_ffffn

/** One moment, by the wall clock in milliseconds and by CLOCK_MONOTONIC in nanoseconds. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicNs: bigint
}
export const thisMoment = (): Moment => ({ wallMs: Date.now(), monotonicNs: process.hrtime.bigint() })

/** struct fi_rule_limit of each rule, or nothing when none has a rate. */
export function limitsOf(rules: readonly Rule[]): Uint8Array {
  if (rules.every(({ limit }) => limit === undefined)) return new Uint8Array()
  const bytes = new Uint8Array(rules.length * RULE_LIMIT.sizeof)
  const data = new DataView(bytes.buffer)
  for (const [i, { limit }] of rules.entries()) {
    if (limit === undefined) continue
    const at = i * RULE_LIMIT.sizeof
    data.setBigUint64(at + RULE_LIMIT.rate, BigInt(limit.rate), true)
    data.setBigUint64(at + RULE_LIMIT.burst, (BigInt(limit.burst) * SECOND) / BigInt(limit.rate), true)
    data.setUint32(
      at + RULE_LIMIT.flags,
      (limit.unit === 'bytes' ? LIMIT_FLAG.BYTES : 0) | (limit.per === 'source' ? LIMIT_FLAG.SOURCE : 0),
      true,
    )
  }
  return bytes
}

/** Times at which some of these rules expire, in order. */
export const expiries = (rules: readonly Rule[]): number[] =>
  [...new Set(rules.flatMap(({ expires }) => expires ?? []))].sort((a, b) => a - b)

/** struct fi_rules_epoch[]: `kinds` of those rules that have not expired, up to each time of expiry and behind the last; nothing when
 * no rule expires. */
export function epochsOf(
  rules: readonly Rule[],
  kinds: readonly ((rule: Rule) => boolean)[],
  row: (wants: (rule: Rule) => boolean) => number,
  now: Moment,
): Uint8Array {
  const times = expiries(rules)
  if (times.length === 0) return new Uint8Array()
  const bytes = new Uint8Array((times.length + 1) * RULES_EPOCH.sizeof)
  const data = new DataView(bytes.buffer)
  for (const [i, until] of [...times, Number.POSITIVE_INFINITY].entries()) {
    const at = i * RULES_EPOCH.sizeof
    const ns = until === Number.POSITIVE_INFINITY ? FOREVER : now.monotonicNs + BigInt(until - now.wallMs) * 1_000_000n
    data.setBigUint64(at + RULES_EPOCH.untilNs, ns < 0n ? 0n : ns, true)
    for (const [kind, wants] of kinds.entries())
      data.setUint32(
        at + RULES_EPOCH.kind + 4 * kind,
        row((rule) => wants(rule) && (rule.expires ?? until) >= until),
        true,
      )
  }
  if (kinds.length !== RULE_KIND.KINDS) throw new Error(`${kinds.length} kinds of rules, not ${RULE_KIND.KINDS}`)
  return bytes
}
