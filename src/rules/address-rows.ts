// SPDX-License-Identifier: Apache-2.0
// Rows of a longest-prefix trie: what rules ask of addresses. An address belongs to the CIDRs that hold the longest prefix it
// has in the trie, so a row can be told for each prefix alone: that of the next shorter one, with what the prefix changes.
import { RULE_PREFIX } from '../gen/abi.js'
import type { Cidr } from './model.js'
import { clearBit, type Bits, type Rows, setBit } from './rows.js'

export interface AddressAsk {
  readonly rule: number
  readonly match: readonly Cidr[] | undefined
  readonly not: readonly Cidr[] | undefined
}

export interface AddressRows {
  /** struct fi_rule_prefix[] */
  readonly prefixes: Uint8Array
  readonly rows: Uint8Array
}

interface Prefix {
  readonly cidr: Cidr
  /** Bytes, then the length: sorts a prefix in front of those that it holds. */
  readonly key: string
  readonly match: number[]
  readonly not: number[]
}

interface Open {
  readonly cidr: Cidr
  readonly row: number
  /** Row number of the set of rules that exclude it. */
  readonly excluded: number
}

const inside = (outer: Cidr, inner: Cidr): boolean => {
  if (outer.net !== inner.net || outer.length > inner.length) return false
  const whole = outer.length >> 3
  for (let i = 0; i < whole; i++) if (outer.bytes[i] !== inner.bytes[i]) return false
  const rest = outer.length & 7
  return rest === 0 || (((outer.bytes[whole] ?? 0) ^ (inner.bytes[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0
}

const keyOf = ({ net, bytes, length }: Cidr): string => String.fromCharCode(net, ...bytes, length)

function collect(asks: readonly AddressAsk[]): Prefix[] {
  const found = new Map<string, Prefix>()
  const at = (cidr: Cidr): Prefix => {
    const key = keyOf(cidr)
    const there = found.get(key)
    if (there) return there
    const made = { cidr, key, match: [], not: [] }
    found.set(key, made)
    return made
  }
  for (const net of [4, 6] as const) at({ net, bytes: new Uint8Array(net === 4 ? 4 : 16), length: 0 })
  for (const { rule, match, not } of asks) {
    for (const cidr of match ?? []) at(cidr).match.push(rule)
    for (const cidr of not ?? []) at(cidr).not.push(rule)
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** `free`: the rules that do not ask. */
export function addressRows(rows: Rows, free: Bits, asks: readonly AddressAsk[]): AddressRows {
  const list = collect(asks)
  const prefixes = new Uint8Array(list.length * RULE_PREFIX.sizeof)
  const data = new DataView(prefixes.buffer)
  const numbers = new Uint32Array(list.length)
  // Rules that only exclude match everywhere else.
  const start = free.slice()
  for (const { rule, match } of asks) if (match === undefined) setBit(start, rule)
  const root = { row: rows.number(start), excluded: rows.number(rows.none()) }
  const open: Open[] = []
  const known = new Map<string, { row: number; excluded: number }>()
  for (const [i, { cidr, match, not }] of list.entries()) {
    while (open.length > 0 && !inside((open.at(-1) as Open).cidr, cidr)) open.pop()
    const above = open.at(-1) ?? root
    // Thousands of addresses of one rule differ by the same step.
    const step = `${above.row}:${above.excluded}:${match.join()}:${not.join()}`
    let here = known.get(step)
    if (here === undefined) {
      const bits = rows.bits(above.row).slice()
      const excluded = rows.bits(above.excluded).slice()
      for (const rule of not) setBit(excluded, rule)
      for (const rule of match) setBit(bits, rule)
      for (const rule of [...match, ...not]) if (((excluded[rule >>> 5] ?? 0) >>> (rule & 31)) & 1) clearBit(bits, rule)
      here = { row: rows.number(bits), excluded: rows.number(excluded) }
      known.set(step, here)
    }
    open.push({ cidr, ...here })
    data.setUint32(i * RULE_PREFIX.sizeof + RULE_PREFIX.prefix, 8 + cidr.length, true)
    prefixes[i * RULE_PREFIX.sizeof + RULE_PREFIX.net] = cidr.net
    prefixes.set(cidr.bytes, i * RULE_PREFIX.sizeof + RULE_PREFIX.addr)
    numbers[i] = here.row
  }
  return { prefixes, rows: new Uint8Array(numbers.buffer) }
}
