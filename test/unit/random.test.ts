// SPDX-License-Identifier: Apache-2.0
// Random bytes are nothing: a million payloads of 200 bytes, as a datagram or as the start of a stream, none claimed.
import { describe, expect, it } from 'vitest'
import { protocolById } from '../../src/gen/protocols.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'

const COUNT = 1_000_000
const SIZE = 200

/** xorshift128+: the same bytes every run, so that a failure can be looked at. */
function generator(seed: bigint): (into: BigUint64Array) => void {
  let a = seed
  let b = 0x9e3779b97f4a7c15n
  return (into) => {
    for (let i = 0; i < into.length; i++) {
      let x = a
      const y = b
      a = y
      x = (x ^ (x << 23n)) & 0xffffffffffffffffn
      b = x ^ y ^ (x >> 17n) ^ (y >> 26n)
      into[i] = (b + y) & 0xffffffffffffffffn
    }
  }
}

describe('random payloads', () => {
  const addon = loadAddon()
  // A pool of random bytes read at a million different offsets: making every payload anew would take longer than asking.
  const words = new BigUint64Array(1 << 17)
  generator(42n)(words)
  const pool = new Uint8Array(words.buffer)

  for (const [name, l4] of [
    ['tcp', 6],
    ['udp', 17],
  ] as const)
    it(`claims none of ${COUNT / 2} as ${name}`, { timeout: 120_000 }, () => {
      const claimed = new Map<string, number>()
      for (let i = 0; i < COUNT / 2; i++) {
        const at = (i * 2 + (l4 === 6 ? 0 : 1)) % (pool.length - SIZE)
        const answers = addon.signatures(pool.subarray(at, at + SIZE), { l4, sport: 40_000, dport: 41_000 })
        for (let k = 0; k < answers.length; k += 2) {
          const answer = answers[k + 1] as bigint
          if ((answer & 3n) !== 2n || ((answer >> 2n) & 3n) < 2n) continue // only FAIR and STRONG claim alone
          const protocol = protocolById(Number(answers[k]))?.name ?? '?'
          claimed.set(protocol, (claimed.get(protocol) ?? 0) + 1)
        }
      }
      expect(Object.fromEntries(claimed)).toEqual({})
    })
})
