// SPDX-License-Identifier: Apache-2.0
// Signature packs: what is refused and how it is told, and what a pack identifies in a replay.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { FlowidentError } from '../../src/errors.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { checkPacks } from '../../src/packs/check.js'
import { compilePacks, type Pack, readNames, writeNames } from '../../src/packs/compile.js'
import { loadPacks, packFiles } from '../../src/packs/load.js'
import { demoCapture } from '../../src/cli/demo.js'
import { replayFile } from '../../src/replay/replay.js'
import { flowident } from '../lib/console.js'
import { pcapBytes } from '../lib/pcap.js'
import { at, Scene } from '../lib/synth.js'

const addon = loadAddon()
const folder = mkdtempSync(join(tmpdir(), 'flowident-packs-'))
afterAll(() => rmSync(folder, { recursive: true }))
const doc = readFileSync(join(import.meta.dirname, '../../docs/SIGNATURE-PACKS.md'), 'utf8')
const samples = [...doc.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '')
const good = samples[0] ?? ''
let files = 0
const write = (text: string): string => {
  const path = join(folder, `p${files++}.yaml`)
  writeFileSync(path, text)
  return path
}
const complaints = (...texts: string[]): string => {
  try {
    loadPacks(texts.map(write))
  } catch (error) {
    return (error as FlowidentError).details.join('\n')
  }
  return ''
}

describe('packs that are refused', () => {
  const cases: readonly (readonly [string, string | RegExp, string, RegExp])[] = [
    ['an unknown key', 'transport:', 'transprt:', /:\d+:1: unknown key transprt; did you mean transport\?/],
    ['an unknown transport', 'transport: tcp', 'transport: tpc', /:2:12: transport must be tcp or udp; did you mean tcp\?/],
    ['a built-in name', 'name: acme-bus', 'name: http1', /:1:7: http1 is the name of a built-in protocol/],
    ['a name with a blank', 'name: acme-bus', 'name: acme bus', /:1:7: name must be/],
    ['an unknown grade', 'grade: fair', 'grade: fare', /grade must be weak or fair or strong; did you mean fair\?/],
    ['an unknown direction', 'direction: client', 'direction: clint', /direction must be .*did you mean client\?/],
    ['no rules', /rules:[\s\S]*/, 'rules: []\n', /rules must be a list of 1 to 8/],
    ['rules that are no list', /rules:[\s\S]*/, 'rules: 3\n', /rules must be a list/],
    ['no matches', /matches:[\s\S]*/, 'matches: []\n', /matches must be a list of 1 to 8/],
    ['an unknown match', 'minimum: 8', 'minimun: 8', /unknown key minimun; did you mean minimum\?/],
    ['a minimum too large', 'minimum: 8', 'minimum: 800', /minimum must be a whole number from 1 to 512/],
    ['text and hex', 'text: "ACMEBUS"', 'text: "A", hex: "41"', /one of text and hex must be given/],
    ['neither', 'text: "ACMEBUS"', '', /one of text and hex must be given/],
    ['odd hex', 'text: "ACMEBUS"', 'hex: "414"', /hex must be 1 to 32 bytes/],
    ['a mask of another length', 'text: "ACMEBUS"', 'text: "ACMEBUS", mask: "ff"', /mask has 1 bytes, the content 7/],
    ['an offset out of reach', 'at: 0,', 'at: 511,', /only the first 512 bytes/],
    ['a negative offset', 'at: 0,', 'at: -1,', /at must be a whole number from 0 to 511/],
    ['too little evidence', '"ACMEBUS"', '"AC"', /too little evidence: 16 fixed bits, at least 24 are needed/],
    ['a length over tcp', 'minimum: 8', 'length: { at: 4, width: 2 }', /length is for udp/],
    ['both directions with one', 'grade: fair', 'both_directions: required', /there is a rule for one only/],
    ['broken YAML', 'transport: tcp', 'transport: [tcp', /:\d+:\d+: /],
  ]
  it('begin as one that is accepted', () => expect(complaints(good)).toBe(''))
  it.each(cases)('%s', (_, from, to, message) => {
    const bad = good.replace(from, to)
    expect(bad).not.toBe(good)
    expect(complaints(bad)).toMatch(message)
  })
  it('two of one name', () => expect(complaints(good, good)).toMatch(/acme-bus is in .*p\d+\.yaml too/))
  it('one that claims random bytes', () => {
    const pack: Pack = {
      file: 'loose.yaml',
      name: 'loose',
      transport: 'udp',
      grade: 'fair',
      bothDirections: false,
      rules: [{ direction: 'either', matches: [{ kind: 'bytes', at: 0, want: Uint8Array.of(0x41), mask: Uint8Array.of(0xff) }] }],
    }
    expect(addon.packClaims(compilePacks([pack]).rules, 100_000)).toBeGreaterThan(50)
    expect(() => checkPacks(addon, [pack])).toThrow('signature packs are refused')
  })
  it.each([
    ['text: "SSH-2.0"', 'direction: either', /thief claims the bytes of ssh/],
    ['text: "HTTP/1."', 'direction: server', /thief claims the bytes of .*http1/],
    ['hex: "505249202a"', 'direction: client', /thief claims the bytes of .*http2/],
  ])('one that claims the bytes of a built-in: %s', (bytes, direction, message) => {
    const thief = good.replace('acme-bus', 'thief').replace('text: "ACMEBUS"', bytes).replace('direction: client', direction)
    let told = ''
    try {
      checkPacks(addon, loadPacks([write(thief)]))
    } catch (error) {
      told = (error as FlowidentError).details.join()
    }
    expect(told).toMatch(message)
  })
  it('packs that search too much together', () => {
    const wide = good.replace('minimum: 8', 'contains: { from: 0, to: 512, text: "x" }')
    const rules = wide.slice(wide.indexOf('  - direction'))
    const many = (name: string): string => wide.replace('acme-bus', name) + rules.repeat(7)
    expect(complaints(many('a'), many('b'))).toBe('')
    expect(complaints(many('a'), many('b'), good.replace('minimum: 8', 'contains: { to: 16, text: "x" }'))).toMatch(
      /contains searches 8208 bytes in all: at most 8192/,
    )
  })
  it('more names than there are ids, those of packs that are gone included', () => {
    const [pack] = loadPacks([write(good)])
    if (!pack) throw new Error('no pack')
    const taken = new Map(Array.from({ length: 32 }, (_, i) => [96 + i, `old-${i}`]))
    expect(() => compilePacks([pack], taken)).toThrow('no protocol id left for acme-bus')
    taken.delete(101)
    const { rules, names } = compilePacks([pack], taken)
    expect(names.get(101)).toBe('acme-bus')
    expect(new DataView(rules.buffer).getUint16(0, true)).toBe(101)
    expect(readNames(writeNames(names))).toEqual(names)
  })
  it('samples that are not well formed', () => {
    const { rules } = compilePacks(loadPacks([write(good)]))
    for (const bytes of [[1], [1, 0, 4, 0, 6, 0, 65], [1, 0, 255, 255, 6, 0]])
      expect(() => addon.packSteals(rules, Uint8Array.from(bytes))).toThrow('samples are not well formed')
  })
  it('rules that are not well formed', () => {
    expect(() => addon.createReplay({ packs: new Uint8Array(7) })).toThrow('not well formed')
    expect(() => addon.createReplay({ packs: new Uint8Array(616) })).toThrow('not well formed')
  })
})

describe('a replay with packs', () => {
  const packs = checkPacks(addon, loadPacks(samples.map(write)))
  const names = async (scene: Scene, use = true): Promise<string[]> => {
    const path = join(folder, `${files++}.pcap`)
    writeFileSync(path, pcapBytes(scene.frames))
    const found: string[] = []
    await replayFile(addon, path, (flow) => found.push(String(flow['network.protocol.name'])), use ? { packs } : {})
    return found
  }
  const [client, server] = [at('10.1.0.1', 50000), at('10.1.0.2', 9777)]
  const bus = (most?: number): Scene => {
    const scene = new Scene()
    const c = scene.tcp(client, server).open()
    c.send('>', 'ACMEBUS\x01hello, bus', most)
    c.send('<', '\x00\x01\x02\x03 all right', most)
    c.close()
    return scene
  }
  const meter = (datagram: string): Scene => {
    const scene = new Scene()
    for (let i = 0; i < 10; i++) scene.udp(client, server, datagram)
    return scene
  }
  it.each([undefined, 1, 7])('names a stream, cut into segments of %s bytes', async (most) => {
    expect(await names(bus(most))).toEqual(['acme-bus'])
    expect(await names(bus(most), false)).toEqual(['unknown'])
  })
  it('compares the length of a datagram', async () => {
    expect(await names(meter('\xa7\x3c\x00\x0czz..1234'))).toEqual(['acme-meter'])
    expect(await names(meter('\xa7\x3c\x00\x0dzz..1234'))).toEqual(['unknown'])
  })
  it('takes nothing from a built-in', async () => {
    const flows = async (options: object): Promise<unknown[]> => {
      const found: unknown[] = []
      await replayFile(addon, demoCapture(), (flow) => found.push(flow['flowident.layers']), options)
      return found
    }
    const thief = write(
      good.replace('acme-bus', 'thief').replace('"ACMEBUS"', '"SSH-2.0"').replace('direction: client', 'direction: either'),
    )
    expect(await flows({ packs: compilePacks(loadPacks([thief])) })).toEqual(await flows({}))
  })
})

describe('the command line', () => {
  it('answers as the documentation shows', async () => {
    const dir = join(folder, 'signatures.d')
    mkdirSync(dir)
    const path = join(dir, 'acme-bus.yaml')
    writeFileSync(path, good)
    expect(packFiles(dir)).toEqual([path])
    const { stdout, stderr, code } = await flowident(['packs', 'check', path])
    expect(code).toBe(0)
    expect(doc).toContain((stdout + stderr).trim())
    expect((await flowident(['replay', '--packs', dir, demoCapture()])).code).toBe(0)
    writeFileSync(path, good.replace('tcp', 'tpc'))
    expect(await flowident(['replay', '--packs', dir, demoCapture()])).toMatchObject({ code: 1 })
  })
})
