// SPDX-License-Identifier: Apache-2.0
// Sets of rules as bits, each stored once: struct fi_rule_row.
import { FI_ROW_SUMS, FI_ROW_WORDS, RULE_ROW } from '../gen/abi.js'

export type Bits = Uint32Array

export const setBit = (bits: Bits, rule: number): void => {
  bits[rule >>> 5] = (bits[rule >>> 5] ?? 0) | (1 << (rule & 31))
}
export const clearBit = (bits: Bits, rule: number): void => {
  bits[rule >>> 5] = (bits[rule >>> 5] ?? 0) & ~(1 << (rule & 31))
}

/** `a` gets the bits of `b` too. */
export const join = (a: Bits, b: Bits): void => {
  for (let i = 0; i < a.length; i++) a[i] = (a[i] ?? 0) | (b[i] ?? 0)
}

const same = (a: Bits, b: Bits): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const hash = (bits: Bits): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < bits.length; i++) h = Math.imul(h ^ (bits[i] ?? 0), 0x01000193) ^ (h >>> 15)
  return h >>> 0
}

export class Rows {
  readonly #words: number
  readonly #rows: Bits[] = []
  readonly #byHash = new Map<number, number[]>()

  /** Row 0 has every rule. */
  constructor(rules: number) {
    this.#words = Math.ceil(rules / 64) * 2
    const ones = this.none()
    for (let rule = 0; rule < rules; rule++) setBit(ones, rule)
    this.number(ones)
  }

  get length(): number {
    return this.#rows.length
  }

  none(): Bits {
    return new Uint32Array(this.#words)
  }

  /** The bits of row `id`; not to be changed. */
  bits(id: number): Bits {
    return this.#rows[id] ?? this.none()
  }

  /** Number of the row with these bits, which are copied when they are new. */
  number(bits: Bits): number {
    const key = hash(bits)
    const there = this.#byHash.get(key)
    const found = there?.find((id) => same(this.bits(id), bits))
    if (found !== undefined) return found
    const id = this.#rows.push(bits.slice()) - 1
    if (there) there.push(id)
    else this.#byHash.set(key, [id])
    return id
  }

  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#rows.length * RULE_ROW.sizeof)
    const all = new Uint32Array(bytes.buffer)
    const stride = RULE_ROW.sizeof / 4
    for (const [i, bits] of this.#rows.entries()) {
      all.set(bits, i * stride + RULE_ROW.word / 4)
      for (let word = 0; word < this.#words / 2 && word < FI_ROW_WORDS; word++)
        if (bits[2 * word] || bits[2 * word + 1]) {
          const at = i * stride + RULE_ROW.sum / 4 + (word >>> 5)
          all[at] = (all[at] ?? 0) | (1 << (word & 31))
        }
    }
    if (FI_ROW_SUMS * 64 < this.#words / 2) throw new Error('more rules than a row holds')
    return bytes
  }
}
