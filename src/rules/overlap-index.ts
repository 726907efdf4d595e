// SPDX-License-Identifier: Apache-2.0
// Which rules may take all that another one takes: found by one address and one port of it, without comparing it with each. A rule
// that takes all of it asks nothing of these fields, or holds the first value that it asks for.
import type { Cidr, Conditions, Range, Rule } from './model.js'
import { dottedKey } from './values.js'

type Field<T> = (conditions: Conditions) => readonly T[] | undefined

const addresses: readonly Field<Cidr>[] = [({ source }) => source?.cidrs, ({ destination }) => destination?.cidrs]
const ports: readonly Field<Range>[] = [({ source }) => source?.ports, ({ destination }) => destination?.ports]

const keyOf = (cidr: Cidr, length: number): string | number => {
  if (cidr.net === 4) return dottedKey(cidr, length)
  const whole = length >> 3
  const rest = length & 7
  const last = rest === 0 ? '' : String.fromCharCode((cidr.bytes[whole] ?? 0) & (0xff00 >> rest) & 0xff)
  return `${length}/${String.fromCharCode(...cidr.bytes.subarray(0, whole))}${last}`
}

/** Rules that ask nothing of a field, in order, and as a bit for each rule. */
interface Free {
  readonly list: readonly number[]
  readonly bits: Uint32Array
}

interface ByField<T> {
  readonly field: Field<T>
  readonly free: Free
  /** Rules that hold this value, as lists. */
  holders(value: T): (readonly number[])[]
}

/** So few are looked at one by one: cheaper than sets of all rules. */
const FEW = 64

function freeOf(rules: readonly Rule[], field: Field<unknown>): Free {
  const bits = new Uint32Array((rules.length >>> 5) + 1)
  const list: number[] = []
  for (const [i, { match }] of rules.entries())
    if (field(match) === undefined) {
      bits[i >>> 5] = (bits[i >>> 5] ?? 0) | (1 << (i & 31))
      list.push(i)
    }
  return { list, bits }
}

const note = <K>(lists: Map<K, number[]>, key: K, rule: number): void => {
  const there = lists.get(key)
  if (there) there.push(rule)
  else lists.set(key, [rule])
}

function byAddress(rules: readonly Rule[], field: Field<Cidr>): ByField<Cidr> {
  const lists = new Map<string | number, number[]>()
  const lengths = new Set<number>()
  for (const [i, { match }] of rules.entries())
    for (const cidr of field(match) ?? []) {
      note(lists, keyOf(cidr, cidr.length), i)
      lengths.add(cidr.length)
    }
  return {
    field,
    free: freeOf(rules, field),
    holders(cidr) {
      const found: (readonly number[])[] = []
      for (const length of lengths) {
        const list = length <= cidr.length ? lists.get(keyOf(cidr, length)) : undefined
        if (list) found.push(list)
      }
      return found
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
    holders({ from }) {
      const found = lists.get(from)
      return found ? [found] : []
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
  before(index: number, { match }: Rule): Iterable<number> {
    const asked = this.#fields.map(({ field, free, holders }) => {
      const [first] = (field(match) ?? []) as readonly never[]
      const lists = first === undefined ? [] : holders(first)
      return { free, lists, size: lists.reduce((sum, list) => sum + list.length, free.list.length) }
    })
    // A rule that takes all of this one is among the takers of each field: of the rarest, if they are few.
    const rarest = asked.reduce((a, b) => (b.size < a.size ? b : a))
    if (rarest.size <= FEW) {
      const few = new Set([...rarest.free.list, ...rarest.lists.flat()].filter((rule) => rule < index))
      return [...few].sort((a, b) => a - b)
    }
    return this.#among(index, asked)
  }

  *#among(index: number, asked: readonly { readonly free: Free; readonly lists: readonly (readonly number[])[] }[]): Generator<number> {
    const all = new Uint32Array(this.#words).fill(0xffffffff)
    for (const { free, lists } of asked) {
      const mine = free.bits.slice()
      for (const list of lists) for (const rule of list) mine[rule >>> 5] = (mine[rule >>> 5] ?? 0) | (1 << (rule & 31))
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
