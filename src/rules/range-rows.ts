// SPDX-License-Identifier: Apache-2.0
// Rows of a field whose values are small numbers: a sweep over the places where some rule begins or ends to match.
import type { Range } from './model.js'
import { clearBit, type Bits, type Rows, setBit } from './rows.js'

/** What one rule asks of the field. */
export interface RangeAsk {
  readonly rule: number
  readonly match: readonly Range[] | undefined
  readonly not: readonly Range[] | undefined
}

function* wanted({ match, not }: RangeAsk, most: number): Generator<Range> {
  const holes = [...(not ?? [])].sort((a, b) => a.from - b.from)
  const wholes = [...(match ?? [{ from: 0, to: most }])].sort((a, b) => a.from - b.from)
  let done = -1
  for (const { from, to } of wholes) {
    let at = Math.max(from, done + 1)
    for (const hole of holes) {
      if (hole.to < at || hole.from > to) continue
      if (hole.from > at) yield { from: at, to: hole.from - 1 }
      at = Math.max(at, hole.to + 1)
    }
    if (at <= to) yield { from: at, to }
    done = Math.max(done, to)
  }
}

/** Writes a row number for each value from 0 to `most`. `free`: the rules that do not ask. */
export function rangeRows(rows: Rows, free: Bits, asks: readonly RangeAsk[], into: Uint32Array, most: number): void {
  const begins = new Map<number, number[]>()
  const ends = new Map<number, number[]>()
  const note = (where: Map<number, number[]>, value: number, rule: number) => {
    const there = where.get(value)
    if (there) there.push(rule)
    else where.set(value, [rule])
  }
  for (const ask of asks)
    for (const { from, to } of wanted(ask, most)) {
      note(begins, from, ask.rule)
      note(ends, to + 1, ask.rule)
    }
  const bits = free.slice()
  let id = rows.number(bits)
  for (let value = 0; value <= most; value++) {
    const [gone, come] = [ends.get(value), begins.get(value)]
    for (const rule of gone ?? []) clearBit(bits, rule)
    for (const rule of come ?? []) setBit(bits, rule)
    if (gone || come) id = rows.number(bits)
    into[value] = id
  }
}
