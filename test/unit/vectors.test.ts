// SPDX-License-Identifier: Apache-2.0
// Every case of test/vectors through the user-space build of the signatures and label functions, and every prefix of each hit: a
// stream may be cut anywhere, so the answers must be MORE until they are HIT, and no other protocol may be sure before.
import { describe, expect, it } from 'vitest'
import { readLabels } from '../../src/flows/packed-labels.js'
import { PROTOCOLS, protocolById, protocolByName } from '../../src/gen/protocols.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { parseVectors, readVectors, type Vector } from '../lib/vectors.js'

const addon = loadAddon()
const vectors = readVectors()
const WHO = { either: 0, client: 1, server: 2 } as const
const WHOS = ['either', 'client', 'server'] as const
const GRADES = ['none', 'weak', 'fair', 'strong'] as const

interface Answer {
  id: number
  kind: 'more' | 'hit'
  grade: number
  text: string
}
const nameOf = (id: number): string => protocolById(id)?.name ?? `protocol-${id}`

function answers(v: Vector, bytes: Uint8Array = v.bytes): Answer[] {
  const pairs = addon.signatures(bytes, {
    l4: v.l4,
    whole: v.whole,
    start: v.start,
    from: WHO[v.from],
    sport: v.sport,
    dport: v.dport,
    total: bytes === v.bytes ? (v.total ?? bytes.length) : bytes.length,
    below: v.below === undefined ? 0 : (protocolByName(v.below)?.id ?? 0),
  })
  const found: Answer[] = []
  for (let i = 0; i < pairs.length; i += 2) {
    const a = pairs[i + 1]!
    const bits = (at: bigint, mask: bigint): number => Number((a >> at) & mask)
    const grade = bits(2n, 3n)
    const over = bits(32n, 0xffffn)
    const skip = bits(48n, 0xffffn)
    const hit = (a & 3n) >= 2n
    const words = [`hit ${GRADES[grade]} ${WHOS[bits(4n, 3n)]} sig=${bits(8n, 0xffn)} off=${bits(16n, 0xffffn)}`]
    if (over) words.push(`over=${nameOf(over)}`)
    if (skip) words.push(`skip=${skip}`)
    found.push({ id: Number(pairs[i]), kind: hit ? 'hit' : 'more', grade: hit ? grade : 0, text: hit ? words.join(' ') : 'more' })
  }
  return found
}

/** What is expected, in the same words; the offset only when the vector names it. */
function expected(v: Vector, got: string): string {
  if (typeof v.out === 'string') return v.out
  const { grade, who, sig, off, over, skip } = v.out
  const offset = off ?? /off=(\d+)/.exec(got)?.[1] ?? 0
  return [`hit ${grade} ${who} sig=${sig} off=${offset}`, ...(over ? [`over=${over}`] : []), ...(skip ? [`skip=${skip}`] : [])].join(' ')
}

function labels(v: Vector, bytes: Uint8Array, last: boolean): ReadonlyMap<string, string> {
  const who = v.from !== 'either' ? v.from : typeof v.out === 'object' && v.out.who === 'server' ? 'server' : 'client'
  const packed = addon.labels(protocolByName(v.protocol)?.id ?? 0, bytes, { who: WHO[who], whole: v.whole, l4: v.l4, last }).bytes
  return readLabels(new DataView(packed.buffer, packed.byteOffset, packed.byteLength), 0, packed.byteLength)
}

const named = (v: Vector): string => `${v.title || v.protocol} (${v.file}:${v.line})`

for (const protocol of new Set(vectors.map((v) => v.protocol)))
  describe(protocol, () => {
    const id = protocolByName(protocol)?.id
    const of = (list: readonly Answer[]): string => list.find((a) => a.id === id)?.text ?? 'no'
    it('is a protocol', () => expect(id).toBeDefined())
    for (const v of vectors.filter((x) => x.protocol === protocol)) {
      it(named(v), () => {
        const all = answers(v)
        const got = of(all)
        expect(got).toBe(expected(v, got))
        if (v.top !== undefined) {
          const best = all.reduce<Answer | undefined>((a, b) => (b.grade > (a?.grade ?? 0) ? b : a), undefined)
          expect(best ? nameOf(best.id) : 'none').toBe(v.top)
        }
        if (Object.keys(v.labels).length > 0) expect(Object.fromEntries(labels(v, v.bytes, true))).toMatchObject(v.labels)
      })
      if (typeof v.out === 'string' || v.whole) continue
      const { over } = v.out
      it(`${named(v)}, cut anywhere`, () => {
        const end = answers(v)
        let hit = false
        for (let n = 1; n < v.bytes.length; n++) {
          const all = answers(v, v.bytes.subarray(0, n))
          const got = of(all)
          const where = `first ${n} of ${v.bytes.length} bytes`
          if (hit || got !== 'more') expect(got, where).toMatch(/^hit/)
          hit = got.startsWith('hit')
          if (hit) continue
          const rash = all.filter(
            (a) =>
              a.grade === 3 && nameOf(a.id) !== over && nameOf(a.id) !== v.below && !end.some((e) => e.id === a.id && e.kind === 'hit'),
          )
          expect(
            rash.map((a) => nameOf(a.id)),
            `sure of another protocol, ${where}`,
          ).toEqual([])
        }
      })
    }
    it('labels of any prefix of any vector do no harm', () => {
      for (const v of vectors.filter((x) => x.protocol === protocol))
        for (let n = 0; n <= v.bytes.length; n++) {
          labels(v, v.bytes.subarray(0, n), false)
          labels(v, v.bytes.subarray(0, n), true)
        }
    })
  })

describe('the set of vectors', () => {
  for (const { name } of PROTOCOLS)
    it(`has hits and near misses of ${name}`, () => {
      const mine = vectors.filter((v) => v.protocol === name)
      expect(mine.filter((v) => typeof v.out === 'object').length, 'hits').toBeGreaterThan(0)
      expect(mine.filter((v) => v.out === 'no').length, 'near misses').toBeGreaterThan(0)
    })
})

describe('the reader of vectors', () => {
  const parse = (text: string): Vector[] => parseVectors(text, 'x.md', 'x')
  it('reads both kinds of block', () => {
    const text =
      '# x\n## one\nin: tcp mid from=server sport=22 total=9\n```text\nA\\r\\n\\x00\nB\\\\\n```\nout: hit weak client sig=3 off=1 over=y skip=2\nlabel: a.b=c=d\ntop: none\nin: udp below=z\n```hex\n00 ff # note\n0a\n```\nout: more\n'
    const [one, two] = parse(text)
    expect(one).toMatchObject({
      title: 'one',
      l4: 6,
      start: false,
      from: 'server',
      sport: 22,
      total: 9,
      labels: { 'a.b': 'c=d' },
      top: 'none',
    })
    expect(one!.bytes.toString('latin1')).toBe('A\r\n\0B\\')
    expect(one!.out).toEqual({ grade: 'weak', who: 'client', sig: 3, off: 1, over: 'y', skip: 2 })
    expect(two).toMatchObject({ l4: 17, whole: true, start: true, below: 'z', out: 'more' })
    expect(two!.bytes.toString('hex')).toBe('00ff0a')
  })
  for (const [what, text] of Object.entries({
    'an unknown word': 'in: tcp sideways\n',
    'a hit without signature': 'in: tcp\nout: hit weak client\n',
    'no bytes': 'in: tcp\nout: no\n',
    'no answer': 'in: tcp\n```text\nx\n```\n',
    'a block without end': 'in: tcp\n```text\nx\n',
    'bad hex': 'in: tcp\n```hex\n0\n```\nout: no\n',
    'a bad escape': 'in: tcp\n```text\n\\q\n```\nout: no\n',
  }))
    it(`refuses ${what}`, () => expect(() => parse(text)).toThrow(/x\.md:\d+/))
})
