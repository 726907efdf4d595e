// SPDX-License-Identifier: Apache-2.0
// Signature packs in the loaded programs: random packs and payloads that almost fit them, through XDP and through replay; no
// difference. And a set takes the place of another while packets come.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { type Compiled, compilePacks, type Match, type Pack, readNames, type Rule, writeNames } from '../../src/packs/compile.js'
import { type Frame, pcapBytes } from '../lib/pcap.js'
import { at, Scene } from '../lib/synth.js'
import { randomOf } from '../lib/rule-worlds.js'
import { differences, flowStates, unavailable } from './flow-states.js'

const addon = loadAddon()

function replayed(frames: readonly Frame[], packs: Compiled): Map<string, string> {
  const replay = addon.createReplay({ packs: packs.rules })
  replay.feed(pcapBytes(frames))
  replay.end()
  const parts: Buffer[] = []
  for (let batch = replay.take(); batch !== null; batch = replay.take()) parts.push(Buffer.from(batch))
  return flowStates(Buffer.concat(parts))
}

const reason = unavailable()
describe.skipIf(reason !== undefined)(`packs in the kernel${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    kernel = await addon.openKernel({
      flows: 16384,
      pending: 4096,
      without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_tc_ingress', 'fi_tc_egress', 'fi_filter'],
    })
  })
  afterAll(() => kernel?.close())
  const live = async (): Promise<Map<string, string>> => flowStates(Buffer.from(await kernel.dumpFlows()))
  const install = (packs: Compiled): void => kernel.installPacks(packs.rules, writeNames(packs.names))

  let flow = 0
  /** A flow of its own in which both ends send; none of a built-in protocol. */
  function talk(transport: 'tcp' | 'udp', client: string, server: string, most?: number): Frame[] {
    const scene = new Scene()
    flow++
    const [a, b] = [at(`10.7.${flow >> 8}.${flow & 255}`, 41000), at('10.8.0.1', 48484)]
    if (transport === 'udp') {
      scene.udp(a, b, client)
      scene.udp(b, a, server)
    } else {
      const c = scene.tcp(a, b).open()
      c.send('>', client, most)
      c.send('<', server, most)
    }
    return scene.frames as Frame[]
  }

  it.each([1, 2, 3, 4, 5, 6])('random packs and payloads say the same as in user space (%s)', { timeout: 120_000 }, async (seed) => {
    const below = randomOf(seed * 7919)
    const random = (): number => below(1000) / 1000
    const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => 0xa0 + below(8))
    const match = (transport: string): Match => {
      const at = below(24)
      const want = bytes(1 + below(3))
      if (random() < 0.5) return { kind: 'bytes', at, want, mask: Uint8Array.from(want, () => (random() < 0.7 ? 255 : 0xf8)) }
      if (random() < 0.5) return { kind: 'contains', at, end: at + want.length + below(40), want }
      if (transport === 'udp' && random() < 0.5) return { kind: 'length', at, width: 1, little: random() < 0.5, add: below(40) - 180 }
      return { kind: 'minimum', bytes: 1 + below(60) }
    }
    const rule = (transport: string): Rule => ({
      direction: (['client', 'server', 'either'] as const)[below(3)] ?? 'either',
      matches: Array.from({ length: 1 + below(3) }, () => match(transport)),
    })
    const packs = compilePacks(
      Array.from({ length: 32 }, (_, i): Pack => {
        const transport = random() < 0.5 ? 'tcp' : 'udp'
        return {
          file: '',
          name: `p${i}`,
          transport,
          grade: (['weak', 'fair', 'strong'] as const)[below(3)] ?? 'fair',
          bothDirections: random() < 0.2,
          rules: [rule(transport), rule(transport)],
        }
      }),
    )
    install(packs)
    const before = await live()
    const frames = Array.from({ length: 150 }, () => {
      const words = (): string => Buffer.from(bytes(1 + below(80))).toString('latin1')
      return talk(random() < 0.5 ? 'tcp' : 'udp', words(), words(), [undefined, 1, 7][below(3)])
    }).flat()
    for (const frame of frames) kernel.testRun('fi_xdp', frame.data)
    const [now, mine] = [await live(), replayed(frames, packs)]
    for (const key of before.keys()) now.delete(key)
    expect(mine.size).toBe(150)
    expect(differences(now, mine)).toEqual([])
    // not for want of anything to say: ids of packs stand in the verdicts
    const named = [...now.values()].filter((state) => /"verdict":"(6|7)[0-9a-f]00/.test(state))
    expect(named.length).toBeGreaterThan(20)
  })

  it('one set takes the place of another, and names stay with their ids', async () => {
    const pack = (name: string, text: string): Pack => ({
      file: '',
      name,
      transport: 'tcp',
      grade: 'fair',
      bothDirections: false,
      rules: [
        {
          direction: 'client',
          matches: [{ kind: 'bytes', at: 0, want: Buffer.from(text, 'latin1'), mask: Buffer.alloc(text.length, 255) }],
        },
      ],
    })
    const [ONE, TWO, THREE] = ['\xa3\xa4\xa5\xa6ONE', '\xa3\xa4\xa5\xa6TWO', '\xa3\xa4\xa5\xa6THREE'] as const
    const first = compilePacks([pack('one', ONE), pack('two', TWO)])
    install(first)
    expect(readNames(kernel.packNames())).toEqual(first.names)
    const verdict = async (client: string): Promise<string | undefined> => {
      const before = await live()
      for (const frame of talk('tcp', client, '\xa0')) kernel.testRun('fi_xdp', frame.data)
      for (const [key, state] of await live()) if (!before.has(key)) return /"verdict":"(..)/.exec(state)?.[1]
      return undefined
    }
    expect(await verdict(TWO)).toBe('61')
    const second = compilePacks([pack('three', THREE), pack('two', TWO)], readNames(kernel.packNames()))
    install(second)
    expect(await verdict(TWO)).toBe('61')
    expect(await verdict(THREE)).toBe('62')
    expect(await verdict(ONE)).toBe('00')
    expect(second.names.get(96)).toBe('one')
    install(compilePacks([]))
    expect(await verdict(TWO)).toBe('00')
  })
})
