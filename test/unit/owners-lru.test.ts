// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lru } from '../../src/owners/lru.js'

describe('Lru', () => {
  it('keeps what is used and drops what is not', () => {
    const lru = new Lru<number, number>(10)
    for (let i = 1; i <= 100; i++) {
      lru.set(i, i)
      expect(lru.get(1)).toBe(1)
    }
    expect(lru.get(50)).toBeUndefined()
    expect(lru.get(99)).toBe(99)
  })

  it('never exceeds its capacity, keeps at least the latest half, and tells once what it drops', () => {
    const step = fc.tuple(fc.constantFrom('set', 'get', 'delete'), fc.integer({ min: 0, max: 30 }))
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.array(step, { maxLength: 300 }), (capacity, steps) => {
        const present = new Set<number>()
        let recent: number[] = []
        const lru = new Lru<number, number>(capacity, (key) => expect(present.delete(key)).toBe(true))
        for (const [what, key] of steps) {
          recent = recent.filter((other) => other !== key)
          if (what === 'delete') expect(lru.delete(key)).toBe(present.delete(key))
          else if (what === 'set') {
            present.add(key)
            lru.set(key, key)
            recent.push(key)
          } else {
            expect(lru.get(key)).toBe(present.has(key) ? key : undefined)
            if (present.has(key)) recent.push(key)
          }
          expect(lru.size).toBe(present.size)
          expect(lru.size).toBeLessThanOrEqual(capacity)
          for (const kept of recent.slice(-Math.floor(capacity / 2) + 1).slice(0, capacity / 2 - 1)) expect(lru.peek(kept)).toBe(kept)
        }
      }),
    )
  })
})
