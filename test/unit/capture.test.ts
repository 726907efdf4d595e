// SPDX-License-Identifier: Apache-2.0
// The capture reader: every container and byte order gives the same flows, however the bytes are cut; damage is named.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { replayFile } from '../../src/replay/replay.js'
import { type Frame, pcapBytes, pcapngBytes } from '../lib/pcap.js'
import { at, Scene } from '../lib/synth.js'

const addon = loadAddon()
const scene = new Scene()
scene.talk(at('10.0.0.1', 40000), at('10.0.0.2', 7022), [
  ['<', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['>', 'SSH-2.0-client_1.0\r\n'],
])
scene.talk(at('2001:db8::1', 40001), at('2001:db8::2', 22), [['<', 'SSH-2.0-dropbear_2022.83\r\n']])
const FRAMES: readonly Frame[] = scene.frames

type Word = (at: number, value: number) => void
/** pcap of any flavour. */
function pcap(frames: readonly Frame[], o: { big?: boolean; nano?: boolean; patched?: boolean; link?: number } = {}): Buffer {
  const word = (b: Buffer): Word => (o.big ? (i, v) => b.writeUInt32BE(v, i) : (i, v) => b.writeUInt32LE(v, i))
  const head = Buffer.alloc(24)
  const h = word(head)
  h(0, o.patched ? 0xa1b2cd34 : o.nano ? 0xa1b23c4d : 0xa1b2c3d4)
  h(16, 65535)
  h(20, o.link ?? frames[0]!.link)
  const parts: Buffer[] = [head]
  for (const f of frames) {
    const r = Buffer.alloc(o.patched ? 24 : 16)
    const w = word(r)
    w(0, Math.floor(f.time))
    w(4, Math.round((f.time % 1) * (o.nano ? 1e9 : 1e6)))
    w(8, f.data.length)
    w(12, f.wire)
    parts.push(r, f.data)
  }
  return Buffer.concat(parts)
}

/** One pcapng block in the byte order asked for; numbers are 32-bit words, pairs 16-bit ones. */
function block(type: number, words: readonly (number | readonly [number, number] | Buffer)[], big: boolean): Buffer {
  const body = words.map((w) => {
    if (Buffer.isBuffer(w)) return Buffer.concat([w, Buffer.alloc(-w.length & 3)])
    const b = Buffer.alloc(4)
    if (typeof w === 'number') big ? b.writeUInt32BE(w) : b.writeUInt32LE(w)
    else for (const [i, v] of w.entries()) big ? b.writeUInt16BE(v, 2 * i) : b.writeUInt16LE(v, 2 * i)
    return b
  })
  const all = Buffer.concat(body)
  const edge = Buffer.alloc(8)
  big ? edge.writeUInt32BE(type) : edge.writeUInt32LE(type)
  big ? edge.writeUInt32BE(all.length + 12, 4) : edge.writeUInt32LE(all.length + 12, 4)
  return Buffer.concat([edge, all, edge.subarray(4)])
}
const section = (big: boolean): Buffer => block(0x0a0d0d0a, [0x1a2b3c4d, [1, 0], 0xffffffff, 0xffffffff], big)

const folder = mkdtempSync(join(tmpdir(), 'flowident-capture-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const flowsOf = async (data: Buffer) => {
  const file = join(folder, `${files++}.cap`)
  writeFileSync(file, data)
  const flows: Record<string, unknown>[] = []
  const result = await replayFile(addon, file, (flow) => flows.push({ ...flow, capture: '' }))
  return { flows, ...result }
}
/** Without what a container may not carry (names, times). */
const timeless = (flows: readonly Record<string, unknown>[]) =>
  flows.map((f) => Object.fromEntries(Object.entries(f).filter(([k]) => !/start|last_seen|flowident.end/.test(k))))

let expected: Record<string, unknown>[]
beforeAll(async () => {
  expected = (await flowsOf(pcapBytes(FRAMES))).flows
  expect(expected.map((f) => f['network.protocol.name'])).toEqual(['ssh', 'ssh'])
  expect(expected[0]!['flowident.start']).toBe(new Date(1_700_000_000_000).toISOString())
})

describe('containers', () => {
  const cases: Record<string, () => Buffer> = {
    'pcap, big-endian': () => pcap(FRAMES, { big: true }),
    'pcap, nanoseconds': () => pcap(FRAMES, { nano: true }),
    'pcap, nanoseconds, big-endian': () => pcap(FRAMES, { nano: true, big: true }),
    'pcap with 24-byte packet heads': () => pcap(FRAMES, { patched: true }),
    pcapng: () => pcapngBytes(FRAMES),
    'pcap, gzip': () => gzipSync(pcapBytes(FRAMES)),
    'pcapng, gzip of two members': () => {
      const all = pcapngBytes(FRAMES)
      return Buffer.concat([gzipSync(all.subarray(0, 300)), gzipSync(all.subarray(300))])
    },
  }
  for (const [name, make] of Object.entries(cases))
    it(name, async () => {
      const { flows, problem } = await flowsOf(make())
      expect(problem).toBeNull()
      expect(flows).toEqual(expected)
    })

  it('pcapng: two sections of different byte order, several interfaces, obsolete and unknown blocks', async () => {
    const half = FRAMES.length >> 1
    const part = (frames: readonly Frame[], big: boolean) => {
      const seconds = Math.floor(frames[0]!.time)
      return [
        section(big),
        block(1, [[101, 0], 0, [9, 1], Buffer.from([0x80 | 10])], big), // raw IP, 1/1024 s
        block(1, [[1, 0], 0], big),
        block(0x0bad, [Buffer.alloc(5000)], big),
        ...frames.map((f, i) => {
          const raw = i % 2 === 0
          const data = raw ? f.data.subarray(14) : f.data
          const stamp = raw ? BigInt(seconds) * 1024n : BigInt(seconds) * 1_000_000n
          const words: [number, number] = [Number(stamp >> 32n), Number(stamp & 0xffffffffn)]
          return i % 3 === 0
            ? block(2, [[raw ? 0 : 1, 0xffff], ...words, data.length, data.length, data], big)
            : block(6, [raw ? 0 : 1, ...words, data.length, data.length, data], big)
        }),
      ]
    }
    const { flows, problem } = await flowsOf(Buffer.concat([...part(FRAMES.slice(0, half), false), ...part(FRAMES.slice(half), true)]))
    expect(problem).toBeNull()
    expect(timeless(flows)).toEqual(timeless(expected))
    expect(flows[0]!['flowident.start']).toBe(new Date(1_700_000_000_000).toISOString())
  })

  it('pcapng: simple packets, which have no time', async () => {
    const data = Buffer.concat([
      section(false),
      block(1, [[1, 0], 0], false),
      ...FRAMES.map((f) => block(3, [f.data.length, f.data], false)),
    ])
    expect(timeless((await flowsOf(data)).flows)).toEqual(timeless(expected))
  })
})

describe('link types', () => {
  const bare = FRAMES.map((f) => f.data.subarray(14))
  const six = (p: Buffer): boolean => p[0]! >> 4 === 6
  const type = (p: Buffer): Buffer => Buffer.from(six(p) ? [0x86, 0xdd] : [8, 0])
  const wlan = (p: Buffer, qos: boolean): Buffer =>
    Buffer.concat([Buffer.from([qos ? 0x88 : 0x08, 1]), Buffer.alloc(qos ? 24 : 22), Buffer.from('aaaa03000000', 'hex'), type(p), p])
  const cases: Record<string, [number, (p: Buffer) => Buffer]> = {
    'raw IP': [101, (p) => p],
    'null, little-endian': [0, (p) => Buffer.concat([Buffer.from([six(p) ? 30 : 2, 0, 0, 0]), p])],
    'null, big-endian': [0, (p) => Buffer.concat([Buffer.from([0, 0, 0, six(p) ? 24 : 2]), p])],
    loop: [108, (p) => Buffer.concat([Buffer.from([0, 0, 0, six(p) ? 24 : 2]), p])],
    PPP: [9, (p) => Buffer.concat([Buffer.from([0xff, 3, 0, six(p) ? 0x57 : 0x21]), p])],
    PPPoE: [51, (p) => Buffer.concat([Buffer.from([0x11, 0, 0, 1, 0, p.length + 2, 0, six(p) ? 0x57 : 0x21]), p])],
    'Cisco HDLC': [104, (p) => Buffer.concat([Buffer.from([15, 0]), type(p), p])],
    'frame relay': [107, (p) => Buffer.concat([Buffer.from([0x18, 0x41, 3, six(p) ? 0x8e : 0xcc]), p])],
    'Linux cooked': [113, (p) => Buffer.concat([Buffer.alloc(14), type(p), p])],
    'Linux cooked 2': [276, (p) => Buffer.concat([type(p), Buffer.alloc(18), p])],
    'IEEE 802.11': [105, (p) => wlan(p, false)],
    radiotap: [127, (p) => Buffer.concat([Buffer.from([0, 0, 8, 0, 0, 0, 0, 0]), wlan(p, true)])],
    'PPI around Ethernet': [192, (p) => Buffer.concat([Buffer.from([0, 0, 8, 0, 1, 0, 0, 0]), Buffer.alloc(12), type(p), p])],
    MPLS: [219, (p) => Buffer.concat([Buffer.from([0, 1, 0, 64, 0, 2, 1, 64]), p])],
    'netfilter log': [
      239,
      (p) => Buffer.concat([Buffer.from([2, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0, (p.length + 4) & 255, (p.length + 4) >> 8, 9, 0]), p]),
    ],
    FDDI: [10, (p) => Buffer.concat([Buffer.alloc(13), Buffer.from('aaaa03000000', 'hex'), type(p), p])],
  }
  for (const [name, [link, wrap]] of Object.entries(cases))
    it(name, async () => {
      const { flows } = await flowsOf(pcap(bare.map((p, i) => ({ time: FRAMES[i]!.time, link, data: wrap(p), wire: wrap(p).length }))))
      expect(timeless(flows)).toEqual(timeless(expected))
    })
  it('an unknown one is counted, not guessed', async () => {
    const { flows, summary } = await flowsOf(pcap(FRAMES, { link: 9999 }))
    expect(flows).toEqual([])
    expect(summary.linkUnknown).toBe(FRAMES.length)
  })
})

describe('chunks of any size', () => {
  for (const [name, data] of [
    ['pcap', pcapBytes(FRAMES)],
    ['pcapng', pcapngBytes(FRAMES)],
  ] as const)
    for (const size of [1, 3, 17, 100, 1000])
      it(`${name}, ${size} bytes each`, () => {
        const records = (step: number): Buffer[] => {
          const replay = addon.createReplay({})
          for (let i = 0; i < data.length; i += step) replay.feed(data.subarray(i, i + step))
          replay.end()
          const out: Buffer[] = []
          for (let b = replay.take(); b; b = replay.take()) out.push(Buffer.from(b))
          return out
        }
        const whole = records(data.length)
        expect(whole.length).toBeGreaterThan(0)
        expect(records(size)).toEqual(whole)
      })
})

describe('damage', () => {
  const cut = pcapBytes(FRAMES)
  it('cut off: what was read stays, the place is named', async () => {
    const { flows, problem } = await flowsOf(cut.subarray(0, cut.length - 10))
    expect(flows.length).toBe(2)
    expect(problem).toContain(`cut off at byte ${cut.length - 16 - FRAMES.at(-1)!.data.length}`)
  })
  it('an impossible packet length', async () => {
    const bad = Buffer.from(cut)
    bad.writeUInt32LE(0x7fffffff, 24 + 8)
    const { flows, problem } = await flowsOf(bad)
    expect(flows).toEqual([])
    expect(problem).toMatch(/damaged at byte 24: a packet of 2147483647 bytes/)
  })
  it('an impossible block', async () => {
    const bad = Buffer.concat([pcapngBytes(FRAMES), Buffer.from('0600000003000000ffffffff', 'hex')])
    expect((await flowsOf(bad)).problem).toMatch(/damaged at byte \d+: a block of 3 bytes/)
  })
  it('gzip cut off', async () => {
    const { problem, flows } = await flowsOf(gzipSync(cut, { level: 0 }).subarray(0, -40))
    expect(problem).toMatch(/gzip data ends early/)
    expect(flows.length).toBe(2)
  })
  const foreign: Record<string, [Buffer, RegExp]> = {
    text: [Buffer.from('root:x:0:0:root:/root:/bin/bash\n'), /not a pcap or pcapng file/],
    nothing: [Buffer.alloc(0), /the file is empty/],
    'three bytes': [Buffer.from('abc'), /too short/],
    zstd: [Buffer.from('28b52ffd00000000', 'hex'), /packed with zstd/],
  }
  for (const [name, [data, message]] of Object.entries(foreign))
    it(`not a capture: ${name}`, async () => {
      await expect(flowsOf(data)).rejects.toThrow(message)
    })
  it('no such file', async () => {
    await expect(replayFile(addon, join(folder, 'none'), () => {})).rejects.toThrow(/there is no such file/)
  })
  it('random damage never crashes', async () => {
    let seed = 1
    const random = (n: number): number => {
      seed = (seed * 48271) % 2147483647
      return seed % n
    }
    for (const data of [cut, pcapngBytes(FRAMES)])
      for (let i = 0; i < 500; i++) {
        const bad = Buffer.from(data)
        for (let k = 0; k <= i % 5; k++) bad[random(bad.length)] = random(256)
        const replay = addon.createReplay({})
        for (let j = 0; j < bad.length; j += 97) replay.feed(bad.subarray(j, j + 97))
        replay.end()
        while (replay.take());
      }
  })
})
