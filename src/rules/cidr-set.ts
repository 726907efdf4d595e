// SPDX-License-Identifier: Apache-2.0
// Sets of addresses: made of networks, joined, one taken from another, and written as the fewest networks again.
import type { Cidr } from './model.js'

/** Both ends belong to it. */
interface Span {
  readonly from: bigint
  readonly to: bigint
}
type Spans = readonly Span[]

const BITS = { 4: 32, 6: 128 } as const
const numberOf = (bytes: Uint8Array): bigint => bytes.reduce((all, byte) => (all << 8n) | BigInt(byte), 0n)

function bytesOf(value: bigint, net: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(BITS[net] / 8)
  for (let i = bytes.length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n)
  return bytes
}

/** In order, without touching each other. */
function joined(spans: Spans): Spans {
  const out: { from: bigint; to: bigint }[] = []
  for (const { from, to } of [...spans].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = out.at(-1)
    if (last === undefined || from > last.to + 1n) out.push({ from, to })
    else if (to > last.to) last.to = to
  }
  return out
}

function without(spans: Spans, holes: Spans): Spans {
  return spans.flatMap((span) => {
    const left: Span[] = []
    let from = span.from
    for (const hole of holes) {
      if (hole.to < from || hole.from > span.to) continue
      if (hole.from > from) left.push({ from, to: hole.from - 1n })
      from = hole.to + 1n
    }
    return from > span.to ? left : [...left, { from, to: span.to }]
  })
}

function* networks({ from, to }: Span, net: 4 | 6): Generator<Cidr> {
  for (let at = from; at <= to; ) {
    let size = 0
    // The largest network that begins here and does not reach beyond the end.
    while (size < BITS[net] && (at & ((2n << BigInt(size)) - 1n)) === 0n && at + (2n << BigInt(size)) - 1n <= to) size++
    yield { net, bytes: bytesOf(at, net), length: BITS[net] - size }
    at += 1n << BigInt(size)
  }
}

export class CidrSet {
  readonly #spans: Readonly<Record<4 | 6, Spans>>

  private constructor(spans: Readonly<Record<4 | 6, Spans>>) {
    this.#spans = spans
  }

  static readonly none = new CidrSet({ 4: [], 6: [] })
  static readonly all = new CidrSet({ 4: [{ from: 0n, to: (1n << 32n) - 1n }], 6: [{ from: 0n, to: (1n << 128n) - 1n }] })

  static of(cidrs: readonly Cidr[]): CidrSet {
    const spans = (net: 4 | 6) =>
      joined(
        cidrs
          .filter((cidr) => cidr.net === net)
          .map(({ bytes, length }) => {
            const from = numberOf(bytes)
            return { from, to: from + (1n << BigInt(BITS[net] - length)) - 1n }
          }),
      )
    return new CidrSet({ 4: spans(4), 6: spans(6) })
  }

  static union(sets: readonly CidrSet[]): CidrSet {
    const spans = (net: 4 | 6) => joined(sets.flatMap((set) => set.#spans[net]))
    return new CidrSet({ 4: spans(4), 6: spans(6) })
  }

  minus(other: CidrSet): CidrSet {
    return new CidrSet({ 4: without(this.#spans[4], other.#spans[4]), 6: without(this.#spans[6], other.#spans[6]) })
  }

  and(other: CidrSet): CidrSet {
    return this.minus(this.minus(other))
  }

  /** Every address of `other` is in this one. */
  holds(other: CidrSet): boolean {
    return other.minus(this).isEmpty
  }

  get isEmpty(): boolean {
    return this.#spans[4].length === 0 && this.#spans[6].length === 0
  }
  get isAll(): boolean {
    return this.holds(CidrSet.all)
  }

  cidrs(): Cidr[] {
    return ([4, 6] as const).flatMap((net) => this.#spans[net].flatMap((span) => [...networks(span, net)]))
  }
}
