// SPDX-License-Identifier: Apache-2.0
// Rows of a longest-prefix trie: what rules ask of addresses. An address belongs to the CIDRs that hold the longest prefix it
// has in the trie, so a row can be told for each prefix alone: that of the next shorter one, with what the prefix changes.
import { RULE_PREFIX } from '../gen/abi.js'
import type { Cidr } from './model.js'
import { clearBit, type Bits, type Rows, setBit } from './rows.js'
import { dottedKey, holds } from './values.js'

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
  /** Of IPv4: its address as a number. */
  readonly address: number
  readonly match: number[]
  readonly not: number[]
}

interface Step {
  readonly row: number
  /** Row number of the set of rules that exclude it. */
  readonly excluded: number
}

interface Open {
  readonly prefix: Prefix
  readonly here: Step
}

const inside = (outer: Prefix, inner: Prefix): boolean => {
  const { net, length } = outer.cidr
  if (length > inner.cidr.length) return false
  if (net === 6 || inner.cidr.net === 6) return holds(outer.cidr, inner.cidr.net, inner.cidr.bytes)
  return length === 0 || (outer.address ^ inner.address) >>> (32 - length) === 0
}

/** Of an IPv6 prefix, in the same order as dottedKey. */
const longKey = ({ bytes, length }: Cidr): string => String.fromCharCode(...bytes, length)

function collect(asks: readonly AddressAsk[]): Prefix[] {
  const dotted = new Map<number, Prefix>()
  const long = new Map<string, Prefix>()
  const of = <K>(found: Map<K, Prefix>, key: K, cidr: Cidr, address: number): Prefix => {
    let prefix = found.get(key)
    if (!prefix) {
      prefix = { cidr, address, match: [], not: [] }
      found.set(key, prefix)
    }
    return prefix
  }
  const at = (cidr: Cidr): Prefix => {
    if (cidr.net === 6) return of(long, longKey(cidr), cidr, 0)
    const key = dottedKey(cidr, cidr.length)
    return of(dotted, key, cidr, Math.floor(key / 64))
  }
  for (const net of [4, 6] as const) at({ net, bytes: new Uint8Array(net === 4 ? 4 : 16), length: 0 })
  for (const { rule, match, not } of asks) {
    for (const cidr of match ?? []) at(cidr).match.push(rule)
    for (const cidr of not ?? []) at(cidr).not.push(rule)
  }
  const list: Prefix[] = []
  for (const key of Float64Array.from(dotted.keys()).sort()) list.push(dotted.get(key) as Prefix)
  for (const key of [...long.keys()].sort()) list.push(long.get(key) as Prefix)
  return list
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
  const known = new Map<string, Step>()
  const latest = new Map<number, { readonly above: Step; readonly here: Step }>()
  for (const [i, prefix] of list.entries()) {
    const { cidr, match, not } = prefix
    let above: Step = root
    while (open.length > 0) {
      const last = open[open.length - 1] as Open
      if (inside(last.prefix, prefix)) {
        above = last.here
        break
      }
      open.pop()
    }
    // Thousands of addresses of one rule differ by the same step.
    const alone = match.length === 1 && not.length === 0 ? (match[0] as number) : -1
    const before = latest.get(alone)
    const step = before?.above === above ? '' : `${above.row}:${above.excluded}:${match.join()}:${not.join()}`
    let here = before?.above === above ? before.here : known.get(step)
    if (here === undefined) {
      const bits = rows.bits(above.row).slice()
      const excluded = not.length === 0 ? rows.bits(above.excluded) : rows.bits(above.excluded).slice()
      for (const rule of not) setBit(excluded, rule)
      for (const rule of match) setBit(bits, rule)
      for (const rule of [...match, ...not]) if (((excluded[rule >>> 5] ?? 0) >>> (rule & 31)) & 1) clearBit(bits, rule)
      here = { row: rows.number(bits), excluded: not.length === 0 ? above.excluded : rows.number(excluded) }
      known.set(step, here)
    }
    if (alone >= 0 && before?.above !== above) latest.set(alone, { above, here })
    open.push({ prefix, here })
    const to = i * RULE_PREFIX.sizeof
    data.setUint32(to + RULE_PREFIX.prefix, 8 + cidr.length, true)
    prefixes[to + RULE_PREFIX.net] = cidr.net
    for (let byte = 0; byte < cidr.bytes.length; byte++) prefixes[to + RULE_PREFIX.addr + byte] = cidr.bytes[byte] ?? 0
    numbers[i] = here.row
  }
  return { prefixes, rows: new Uint8Array(numbers.buffer) }
}
