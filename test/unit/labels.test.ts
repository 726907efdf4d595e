// SPDX-License-Identifier: Apache-2.0
// Packed labels and the memory they are kept in.
import { describe, expect, it } from 'vitest'
import { Blocks } from '../../src/flows/blocks.js'
import { LabelStore } from '../../src/flows/labels.js'
import { mergeLabels, packLabels, readLabels } from '../../src/flows/packed-labels.js'

const read = (bytes: Uint8Array, length = bytes.length) =>
  Object.fromEntries(readLabels(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, length))
const pack = (labels: Record<string, string>) => packLabels(new Map(Object.entries(labels)))

describe('packed labels', () => {
  it('come back as they were, whatever the characters', () => {
    const labels = { 'http.host': 'шop.example', 'url.path': `/${'a'.repeat(300)}`, 'tls.alpn': '' }
    expect(read(pack(labels))).toEqual(labels)
    expect(read(pack({ 'no.such.label': 'x', 'tls.sni': 'a' }))).toEqual({ 'tls.sni': 'a' })
  })
  it('merge with the newer value of a key first', () => {
    const into = new Uint8Array(1000)
    const newer = pack({ 'http.host': 'b.example', 'url.path': '/b' })
    const older = pack({ 'http.host': 'a.example', 'tls.sni': 'a' })
    const size = mergeLabels(into, newer, 0, newer.length, older, older.length)
    expect(read(into, size)).toEqual({ 'http.host': 'b.example', 'url.path': '/b', 'tls.sni': 'a' })
  })
  it('leave out what does not fit, and stop at padding and at a length that cannot be', () => {
    const into = new Uint8Array(20)
    const newer = pack({ 'http.host': 'a'.repeat(12) })
    const older = pack({ 'url.path': '/long', 'tls.sni': '' })
    expect(read(into, mergeLabels(into, newer, 0, newer.length, older, older.length))).toEqual({
      'http.host': 'a'.repeat(12),
      'tls.sni': '',
    })
    const cut = pack({ 'http.host': 'a', 'url.path': '/' })
    cut[7] = 200
    expect(read(into, mergeLabels(into, cut, 0, cut.length, new Uint8Array(8), 8))).toEqual({ 'http.host': 'a' })
  })
})

describe('blocks', () => {
  it('hold strings of any length within their limit, and give the room back', () => {
    const blocks = new Blocks(64 * 3000)
    let seed = 7
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % n
    }
    const held: { first: number; bytes: Uint8Array }[] = []
    for (let i = 0; i < 20_000; i++) {
      if (held.length > 0 && random(2)) {
        const { first, bytes } = held.splice(random(held.length), 1)[0]!
        const out = new Uint8Array(bytes.length)
        blocks.read(first, bytes.length, out)
        expect(Buffer.compare(out, bytes)).toBe(0)
        blocks.drop(first)
        continue
      }
      const bytes = Uint8Array.from({ length: 1 + random(400) }, () => random(256))
      const first = blocks.put(bytes, 0, bytes.length)
      if (first >= 0) held.push({ first, bytes })
      expect(blocks.bytes).toBe(held.reduce((sum, each) => sum + Math.ceil(each.bytes.length / 64) * 64, 0))
    }
    for (const { first } of held) blocks.drop(first)
    expect(blocks.bytes).toBe(0)
  })
  it('refuse what is too much and keep what is there', () => {
    const blocks = new Blocks(128)
    const first = blocks.put(new Uint8Array(100).fill(1), 0, 100)
    expect(blocks.put(new Uint8Array(1), 0, 1)).toBe(-1)
    const out = new Uint8Array(100)
    blocks.read(first, 100, out)
    expect(out.every((byte) => byte === 1)).toBe(true)
  })
})

describe('labels of flows', () => {
  it('cut a value that is too long for one flow instead of losing it', () => {
    const store = new LabelStore(1, 1 << 20)
    const long = pack({ 'url.path': '/'.repeat(70_000) })
    expect(store.put(0, long, 0, long.length)).toBe(true)
    expect(store.get(0)?.get('url.path')).toBe('/'.repeat(65_531))
  })
  it('are told as changed only when they are', () => {
    const store = new LabelStore(4, 1 << 16)
    const a = pack({ 'tls.sni': 'a.example' })
    expect(store.put(1, a, 0, a.length)).toBe(true)
    expect(store.put(1, a, 0, a.length)).toBe(false)
    expect(store.put(1, new Uint8Array(8), 0, 8)).toBe(false)
    expect(Object.fromEntries(store.get(1) ?? [])).toEqual({ 'tls.sni': 'a.example' })
    store.drop(1)
    expect(store.get(1)).toBeUndefined()
    expect(store.bytes).toBe(0)
  })
  it('wait for their flow, each for its own, and count what is pushed out', () => {
    const store = new LabelStore(4, 1 << 20)
    for (let id = 1; id <= 20_000; id++) {
      const labels = pack({ 'tls.sni': `host-${id}` })
      store.wait(id & 1, id, labels, 0, labels.length)
    }
    let found = 0
    for (let id = 1; id <= 20_000; id++) {
      store.claim(id & 1, id, 2)
      const sni = store.get(2)?.get('tls.sni')
      if (sni !== undefined) {
        expect(sni).toBe(`host-${id}`)
        found++
      }
      store.drop(2)
    }
    expect(found).toBeGreaterThan(3000)
    expect(found + store.refused).toBe(20_000)
    expect(store.bytes).toBe(0)
  })
})
