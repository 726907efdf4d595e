// SPDX-License-Identifier: Apache-2.0
// Which rules may take all that another one takes: found by one address and one port of it, without comparing it with each. A rule
// that takes all of it asks nothing of these fields, or holds the first value that it asks for.
import type { Cidr, Conditions, Range, Rule } from './model.js'

type Field<T> = (conditions: Conditions) => readonly T[] | undefined

const addresses: readonly Field<Cidr>[] = [({ source }) => source?.cidrs, ({ destination }) => destination?.cidrs]
const ports: readonly Field<Range>[] = [({ source }) => source?.ports, ({ destination }) => destination?.ports]

const keyOf = ({ net, bytes }: Cidr, length: number): string => {
  const whole = length >> 3
  const rest = length & 7
  const last = rest === 0 ? '' : String.fromCharCode((bytes[whole] ?? 0) & (0xff00 >> rest) & 0xff)
  return `${net}/${length}/${String.fromCharCode(...bytes.subarray(0, whole))}${last}`
}

interface ByField<T> {
  readonly field: Field<T>
  /** Bit by rule: asks nothing. */
  readonly free: Uint32Array
  /** Rules that hold this value, and which values these are. */
  holders(value: T): Iterable<readonly number[]>
}

function freeOf(rules: readonly Rule[], field: Field<unknown>): Uint32Array {
  const bits = new Uint32Array((rules.length >>> 5) + 1)
  for (const [i, { match }] of rules.entries()) if (field(match) === undefined) bits[i >>> 5] = (bits[i >>> 5] ?? 0) | (1 << (i & 31))
  return bits
}

const note = <K>(lists: Map<K, number[]>, key: K, rule: number): void => {
  const there = lists.get(key)
  if (there) there.push(rule)
  else lists.set(key, [rule])
}

function byAddress(rules: readonly Rule[], field: Field<Cidr>): ByField<Cidr> {
  const lists = new Map<string, number[]>()
  const lengths = new Set<number>()
  for (const [i, { match }] of rules.entries())
    for (const cidr of field(match) ?? []) {
      note(lists, keyOf(cidr, cidr.length), i)
      lengths.add(cidr.length)
    }
  return {
    field,
    free: freeOf(rules, field),
    *holders(cidr) {
      for (const length of lengths) {
        const found = length <= cidr.length ? lists.get(keyOf(cidr, length)) : undefined
        if (found) yield found
      }
    },
  }
}

function byPort(rules: readonly Rule[], field: Field<Range>): ByField<Range> {
  const firsts = [...new Set(rules.flatMap(({ match }) => field(match)?.[0]?.from ?? []))].sort((a, b) => a - b)
  const lists = new Map<number, number[]>()
  for (const [i, { match }] of rules.entries())
    for (const { from, to } of field(match) ?? []) {
      let [low, high] = [0, firsts.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((firsts[middle] as number) < from) low = middle + 1
        else high = middle
      }
      for (; low < firsts.length && (firsts[low] as number) <= to; low++) note(lists, firsts[low] as number, i)
    }
  return {
    field,
    free: freeOf(rules, field),
    *holders({ from }) {
      const found = lists.get(from)
      if (found) yield found
    },
  }
}

export class OverlapIndex {
  readonly #fields: readonly ByField<never>[]
  readonly #words: number

  constructor(rules: readonly Rule[]) {
    this.#words = (rules.length >>> 5) + 1
    this.#fields = [...addresses.map((field) => byAddress(rules, field)), ...ports.map((field) => byPort(rules, field))] as never
  }

  /** Numbers of rules before `index` that may take all that this one takes, the first one first. */
  *before(index: number, { match }: Rule): Generator<number> {
    const all = new Uint32Array(this.#words).fill(0xffffffff)
    for (const { field, free, holders } of this.#fields) {
      const [first] = (field(match) ?? []) as readonly never[]
      const mine = free.slice()
      if (first !== undefined)
        for (const list of holders(first)) for (const rule of list) mine[rule >>> 5] = (mine[rule >>> 5] ?? 0) | (1 << (rule & 31))
      for (let word = 0; word <= index >>> 5; word++) all[word] = (all[word] ?? 0) & (mine[word] ?? 0)
    }
    for (let word = 0; word <= index >>> 5; word++)
      for (let bits = all[word] ?? 0; bits !== 0; bits &= bits - 1) {
        const rule = word * 32 + (31 - Math.clz32(bits & -bits))
        if (rule >= index) return
        yield rule
      }
  }
}
