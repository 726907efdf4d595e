// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatListen, isListen, parseListen } from '../../src/config/listen.js'
import { distance, nearest } from '../../src/config/nearest.js'

describe('listen addresses', () => {
  it.each([
    ['unix:/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['/run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['127.0.0.1:19100', { kind: 'tcp', host: '127.0.0.1', port: 19100 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['[::1]:80', { kind: 'tcp', host: '::1', port: 80 }],
    ['fd:metrics', { kind: 'fd', name: 'metrics' }],
  ])('%s', (text, expected) => {
    expect(parseListen(text)).toEqual(expected)
    expect(parseListen(formatListen(parseListen(text)))).toEqual(expected)
  })

  it.each([
    '',
    'unix:',
    'unix:relative',
    ':80',
    '1.2.3.400:80',
    'host:65536',
    'host:-1',
    'host',
    '::1:80',
    '[1.2.3.4]:80',
    'fd:',
    'fd:a b',
    'a b:80',
    'host:80/path',
    `/${'x'.repeat(107)}`,
    '/a\0b',
  ])('refuses %j', (text) => {
    expect(isListen(text)).toBe(false)
    expect(() => parseListen(text)).toThrow(/is not unix:/)
  })
})

describe('nearest', () => {
  it.each([
    ['nativ', ['auto', 'native', 'generic'], 'native'],
    ['interface', ['interfaces', 'mode'], 'interfaces'],
    ['idleSeconds', ['idle_seconds', 'history'], 'idle_seconds'],
    ['ring-bytes', ['ring_bytes'], 'ring_bytes'],
    ['hsitory', ['history', 'idle_seconds'], 'history'],
    ['zzzzzz', ['history', 'idle_seconds'], undefined],
    ['x', ['a', 'b'], undefined],
    ['', ['a'], undefined],
  ])('%s among %j', (written, known, expected) => {
    expect(nearest(written, known)).toBe(expected)
  })

  it('is a distance', () => {
    const word = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(distance(a, b)).toBe(distance(b, a))
        expect(distance(a, b) === 0).toBe(a === b)
        expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})
