// SPDX-License-Identifier: Apache-2.0
// Messages of ICMP (RFC 792) and ICMPv6 (RFC 4443, 4861, 2710, 3810) as one field of numbers: 65,536 for ICMPv6, plus type * 256 + code.
import type { Range } from './model.js'

export const ICMP_MOST = 2 * 65_536 - 1
export const icmpSix = 65_536

/** Type, or type and code, in ICMP and in ICMPv6. */
type Message = readonly [type: number, code?: number]
const messages: Readonly<Record<string, { readonly four?: Message; readonly six?: Message }>> = {
  'echo-request': { four: [8], six: [128] },
  'echo-reply': { four: [0], six: [129] },
  'destination-unreachable': { four: [3], six: [1] },
  'port-unreachable': { four: [3, 3], six: [1, 4] },
  'host-unreachable': { four: [3, 1], six: [1, 3] },
  'administratively-prohibited': { four: [3, 13], six: [1, 1] },
  'packet-too-big': { four: [3, 4], six: [2] },
  'time-exceeded': { four: [11], six: [3] },
  'parameter-problem': { four: [12], six: [4] },
  redirect: { four: [5], six: [137] },
  'router-solicitation': { four: [10], six: [133] },
  'router-advertisement': { four: [9], six: [134] },
  'timestamp-request': { four: [13] },
  'timestamp-reply': { four: [14] },
  'source-quench': { four: [4] },
  'neighbor-solicitation': { six: [135] },
  'neighbor-advertisement': { six: [136] },
  'mld-query': { six: [130] },
  'mld-report': { six: [131] },
  'mld-done': { six: [132] },
  'mld2-report': { six: [143] },
}
export const icmpNames = Object.keys(messages)

const rangeOf = ([type, code]: Message, from: number): Range => {
  const first = from + type * 256 + (code ?? 0)
  return { from: first, to: code === undefined ? first + 255 : first }
}

/** A name, a type, or type/code. A number means the type in both versions: ip_version or transport tells them apart. */
export function parseIcmp(value: unknown): readonly Range[] | string {
  const name = typeof value === 'string' ? messages[value] : undefined
  if (name) return [...(name.four ? [rangeOf(name.four, 0)] : []), ...(name.six ? [rangeOf(name.six, icmpSix)] : [])]
  const [, type, code] = /^(\d{1,3})(?:\/(\d{1,3}))?$/.exec(String(value)) ?? []
  if (type === undefined || (typeof value !== 'number' && typeof value !== 'string')) return ''
  if (Number(type) > 255 || Number(code ?? 0) > 255) return `${JSON.stringify(value)}: types and codes are from 0 to 255`
  const message: Message = code === undefined ? [Number(type)] : [Number(type), Number(code)]
  return [rangeOf(message, 0), rangeOf(message, icmpSix)]
}
