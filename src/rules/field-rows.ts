// SPDX-License-Identifier: Apache-2.0
// Rows for the values of one field after the other: which rules each value does not rule out.
import { RULE_FIELD, RULE_SMALL } from '../gen/abi.js'
import { addressRows } from './address-rows.js'
import { ICMP_MOST } from './icmp.js'
import type { Conditions, Range, Rule } from './model.js'
import { rangeRows } from './range-rows.js'
import { type Bits, clearBit, join, Rows, setBit } from './rows.js'

/** Values that a field of small numbers has; each asks a rule. */
export type Asks = (rule: Rule, value: number) => boolean

/** Collects the rows of a set, field by field. */
export class FieldRows {
  readonly rows: Rows
  readonly small = new Uint32Array(RULE_SMALL.SIZE)
  /** Field, value and row of each. */
  readonly exact: number[] = []
  used = 0
  readonly #rules: readonly Rule[]

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
    this.rows = new Rows(rules.length)
  }

  /** Row of the rules for which `wants` holds. */
  row(wants: (rule: Rule) => boolean): number {
    return this.rows.number(this.bits(wants))
  }

  bits(wants: (rule: Rule) => boolean): Bits {
    const bits = this.rows.none()
    for (let i = 0; i < this.#rules.length; i++) if (wants(this.#rules[i] as Rule)) setBit(bits, i)
    return bits
  }

  /** Rules that ask for the field, by number, and the row of the others. */
  split(field: number, asks: (rule: Rule) => boolean): { askers: [number, Rule][]; free: Bits } {
    const askers: [number, Rule][] = []
    const free = this.rows.none()
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i] as Rule
      if (asks(rule)) askers.push([i, rule])
      else setBit(free, i)
    }
    if (askers.length > 0) this.used |= 1 << field
    return { askers, free }
  }

  /** A row for each value of a field with few of them. Rules that ask the same of it, by `about`, are asked once. */
  values(field: number, from: number, count: number, about: (rule: Rule) => readonly unknown[], meets: Asks): number {
    const { askers, free } = this.split(field, (rule) => {
      for (const each of about(rule)) if (each !== undefined) return true
      return false
    })
    const none = this.rows.number(free)
    const alike = new Map<string, { readonly rule: Rule; readonly bits: Bits }>()
    for (const [i, rule] of askers) {
      const key = JSON.stringify(about(rule))
      let group = alike.get(key)
      if (!group) {
        group = { rule, bits: this.rows.none() }
        alike.set(key, group)
      }
      setBit(group.bits, i)
    }
    if (askers.length > 0)
      for (let value = 0; value < count; value++) {
        const bits = free.slice()
        for (const group of alike.values()) if (meets(group.rule, value)) join(bits, group.bits)
        this.small[from + value] = this.rows.number(bits)
      }
    return none
  }

  /** The same by ranges; gives the row of packets that do not have the field. */
  ranges(field: number, from: number, most: number, pick: (conditions: Conditions) => readonly Range[] | undefined): number {
    const { askers, free } = this.split(field, ({ match, not }) => pick(match) !== undefined || pick(not) !== undefined)
    const list = askers.map(([i, { match, not }]) => ({ rule: i, match: pick(match), not: pick(not) }))
    if (askers.length > 0) rangeRows(this.rows, free, list, this.small.subarray(from, from + most + 1), most)
    return this.rows.number(free)
  }

  /** ICMP: a row for each type, and for each code that is not as the others of its type; gives the row of packets that are not ICMP. */
  messages(): number {
    const pick = ({ icmp }: Conditions) => icmp
    const { askers, free } = this.split(RULE_FIELD.ICMP, ({ match, not }) => pick(match) !== undefined || pick(not) !== undefined)
    if (askers.length > 0) {
      const list = askers.map(([i, { match, not }]) => ({ rule: i, match: pick(match), not: pick(not) }))
      const all = new Uint32Array(ICMP_MOST + 1)
      rangeRows(this.rows, free, list, all, ICMP_MOST)
      for (let first = 0; first < all.length; first += 256) {
        const usual = all[first + 255] as number
        this.small[RULE_SMALL.ICMP + first / 256] = usual
        for (let value = first; value < first + 256; value++)
          if (all[value] !== usual) this.exact.push(RULE_FIELD.ICMP, value, all[value] as number)
      }
    }
    return this.rows.number(free)
  }

  /** A row for each id that some rule names, and for none; gives the row of all others. */
  tunnels(): number {
    const { askers, free } = this.split(RULE_FIELD.TUNNEL, ({ match, not }) => match.tunnel !== undefined || not.tunnel !== undefined)
    const others = free
    const named = new Map<number, { readonly match: number[]; readonly not: number[] }>([[0, { match: [], not: [] }]])
    const note = (rule: number, side: 'match' | 'not', ranges: readonly Range[] | undefined) => {
      for (const { from, to } of ranges ?? [])
        for (let id = from; id <= to; id++) {
          const there = named.get(id) ?? { match: [], not: [] }
          there[side].push(rule)
          named.set(id, there)
        }
    }
    for (const [i, { match, not }] of askers) {
      if (match.tunnel === undefined) setBit(others, i)
      note(i, 'match', match.tunnel)
      note(i, 'not', not.tunnel)
    }
    for (const [id, { match, not }] of askers.length > 0 ? named : []) {
      const bits = others.slice()
      for (const rule of match) setBit(bits, rule)
      for (const rule of not) clearBit(bits, rule)
      this.exact.push(RULE_FIELD.TUNNEL, id, this.rows.number(bits))
    }
    return this.rows.number(others)
  }

  addresses(field: number, end: 'source' | 'destination') {
    const { askers, free } = this.split(field, ({ match, not }) => match[end]?.cidrs !== undefined || not[end]?.cidrs !== undefined)
    const list = askers.map(([i, { match, not }]) => ({ rule: i, match: match[end]?.cidrs, not: not[end]?.cidrs }))
    return addressRows(this.rows, free, list)
  }
}
