// SPDX-License-Identifier: Apache-2.0
// `rate` and `expires` of a rule.
import type { Action, Limit } from './model.js'
import { type Path, type Reader, show } from './reader.js'

const keys = ['packets_per_second', 'bytes_per_second', 'burst', 'per'] as const
const MOST = 1_000_000_000_000
/** The largest packet that TC sees at once. */
const LARGEST = 65_536

/** Burst when none is given: what comes in a tenth of a second, and one packet at least. */
const usualBurst = (unit: Limit['unit'], rate: number): number => Math.max(unit === 'bytes' ? LARGEST : 1, Math.ceil(rate / 10))

export function readLimit(r: Reader, value: unknown, path: Path, action: Action | undefined): Limit | undefined {
  if (value === undefined) {
    if (action === 'rate-limit') r.fault(path, 'rate: is missing; say how much passes: `rate: { packets_per_second: 100 }`')
    return undefined
  }
  if (action !== undefined && action !== 'rate-limit')
    return r.fault(path, `rate: goes with the action rate-limit, not with ${action}`, 'key')
  const before = r.mistakes.length
  const node = r.section(value, path, keys)
  const number = (key: (typeof keys)[number], least: number): number | undefined => {
    const given = node[key]
    if (given === undefined) return undefined
    if (typeof given === 'number' && Number.isInteger(given) && given >= least && given <= MOST) return given
    return r.fault([...path, key], `${key}: expected a whole number from ${least} to ${MOST}, found ${show(given)}`)
  }
  const [packets, bytes] = [number('packets_per_second', 1), number('bytes_per_second', 1)]
  const unit = packets === undefined ? 'bytes' : 'packets'
  const rate = packets ?? bytes
  const burst = number('burst', unit === 'bytes' ? LARGEST : 1)
  const per = r.word(node['per'] ?? 'rule', [...path, 'per'], ['rule', 'source'] as const)
  if (r.mistakes.length > before || per === undefined) return undefined
  if (rate === undefined || (packets !== undefined && bytes !== undefined))
    return r.fault(path, 'rate: needs packets_per_second or bytes_per_second, and only one of them')
  return { unit, rate, burst: burst ?? usualBurst(unit, rate), per }
}

/** A time with its zone, such as 2027-01-31T18:00:00Z, in milliseconds since 1970. */
export function readExpiry(r: Reader, value: unknown, path: Path): number | undefined {
  if (value === undefined) return undefined
  const text = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(value) ? value : ''
  const time = Date.parse(text)
  return Number.isNaN(time) ? r.fault(path, `expires: expected a time such as 2027-01-31T18:00:00Z, found ${show(value)}`) : time
}
