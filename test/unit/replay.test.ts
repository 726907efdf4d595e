// SPDX-License-Identifier: Apache-2.0
// Replay: the recordings in test/pcap against their truth, and what recordings cannot show: bounds, reuse, odd handshakes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { countedCauses } from '../../src/replay/causes.js'
import { type ReplayOptions, replayFile } from '../../src/replay/replay.js'
import { pcapBytes } from '../lib/pcap.js'
import { at, ethernet, ip, Scene, udpSegment } from '../lib/synth.js'
import { place, readTruth } from '../lib/truth.js'

const addon = loadAddon()
type Flow = Record<string, unknown>
const folder = mkdtempSync(join(tmpdir(), 'flowident-replay-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const fromFile = async (file: string, options?: ReplayOptions) => {
  const flows: Flow[] = []
  const result = await replayFile(addon, file, (flow) => flows.push(flow), options)
  return { flows, ...result }
}
const run = async (scene: Scene, options?: ReplayOptions) => {
  const file = join(folder, `${files++}.pcap`)
  writeFileSync(file, pcapBytes(scene.frames))
  return fromFile(file, options)
}
const ends = (f: Flow): [string, string] => [
  place({ address: String(f['source.address']), port: Number(f['source.port']) }),
  place({ address: String(f['destination.address']), port: Number(f['destination.port']) }),
]
const A = at('10.1.0.1', 50000)
const B = at('10.1.0.2', 2022)
const BANNER = 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'

describe('recordings', () => {
  const rows = readTruth()
  for (const file of new Set(rows.map((r) => r.file)))
    it(file, async () => {
      const { flows } = await fromFile(fileURLToPath(new URL(`../pcap/${file}`, import.meta.url)))
      for (const row of rows.filter((r) => r.file === file)) {
        const same = flows.filter(
          (f) => f['network.transport'] === row.transport && [...ends(f)].sort().join() === [row.a, row.b].sort().join(),
        )
        const what = `${row.transport} ${row.a} > ${row.b}`
        expect(same.length, `${what}: flows`).toBeGreaterThan(0)
        const flow = same[0]!
        expect(flow['network.protocol.name'], what).toBe(row.protocol)
        expect(flow['flowident.layers'], what).toEqual(row.layers)
        for (const [key, value] of Object.entries(row.labels)) expect(String(flow[key]), `${what}: ${key}`).toBe(String(value))
        if (!file.startsWith('shape-no-handshake')) expect(ends(flow), `${what}: who opened it`).toEqual([row.a, row.b])
      }
    })
})

describe('a flow', () => {
  it('has packets and bytes of each end, times and opener', async () => {
    const scene = new Scene()
    scene.talk(A, B, [
      ['<', BANNER],
      ['>', 'SSH-2.0-x\r\n'],
    ])
    const { flows, summary } = await run(scene)
    expect(flows).toHaveLength(1)
    expect(flows[0]).toMatchObject({
      'source.address': '10.1.0.1',
      'destination.port': 2022,
      'source.packets': 6,
      'source.bytes': 6 * 40 + 11,
      'destination.packets': 4,
      'destination.bytes': 4 * 40 + BANNER.length,
      'ssh.server.software': BANNER.trim(),
      'flowident.state': 'ended',
    })
    expect(summary.packets).toBe(scene.frames.length)
  })
  it('of an SSH server that gets an HTTP request is ssh, and keeps no label of the request', async () => {
    const scene = new Scene()
    scene.talk(A, B, [
      ['>', 'GET / HTTP/1.1\r\nHost: probe.example\r\n\r\n'],
      ['<', BANNER],
    ])
    const { flows } = await run(scene)
    expect(flows[0]).toMatchObject({ 'network.protocol.name': 'ssh', 'ssh.server.software': BANNER.trim() })
    expect(flows[0]).not.toHaveProperty(['http.host'])
  })
  it('joined mid-stream: who opened it is told by the payload', async () => {
    const scene = new Scene()
    scene.tcp(A, B).send('<', '220 mail.example.test ESMTP Postfix\r\n')
    expect(ends((await run(scene)).flows[0]!)).toEqual(['10.1.0.1:50000', '10.1.0.2:2022'])
  })
  it('with data on its SYN', async () => {
    const scene = new Scene()
    const c = scene.tcp(A, B)
    c.segment('>', 2, Buffer.from('SSH-2.0-fast'))
    c.segment('<', 0x12)
    c.send('>', '_open\r\n')
    expect((await run(scene)).flows[0]).toMatchObject({ 'network.protocol.name': 'ssh', 'ssh.client.software': 'SSH-2.0-fast_open' })
  })
  it('one byte a segment, out of order, sent twice', async () => {
    const scene = new Scene()
    const c = scene.tcp(A, B).open()
    const data = Buffer.from(BANNER)
    for (const i of [0, 2, 1, 1, 3, 5, 4, 0]) c.segment('<', 0x10, data.subarray(i, i + 1), i)
    for (let i = 6; i < data.length; i += 2) c.segment('<', 0x10, data.subarray(i - 3, i + 2), i - 3)
    expect((await run(scene)).flows[0]).toMatchObject({ 'network.protocol.name': 'ssh', 'ssh.server.software': BANNER.trim() })
  })
  it('whose tuple is used again is another flow', async () => {
    const scene = new Scene()
    scene.talk(A, B, [['<', BANNER]])
    scene.talk(A, B, [['<', 'nothing that anybody knows']])
    const { flows } = await run(scene)
    expect(flows.map((f) => f['network.protocol.name'])).toEqual(['ssh', 'unknown'])
  })
  it('of fragments is whole: later ones have no ports of their own', async () => {
    const scene = new Scene()
    const segment = udpSegment(5000, 6000, Buffer.alloc(3000, 7))
    const piece = (from: number, to: number, more: boolean): Buffer => {
      const p = ip('10.1.0.1', '10.1.0.2', 17, Buffer.from(segment.subarray(from, to)))
      p.writeUInt16BE(77, 4)
      p.writeUInt16BE((more ? 0x2000 : 0) | (from >> 3), 6)
      return p
    }
    for (const [from, to] of [
      [0, 1480],
      [1480, 2960],
      [2960, 3008],
    ] as const)
      scene.packet(piece(from, to, to < 3008))
    scene.packet(piece(1480, 2960, true).fill(9, 4, 6)) // of a datagram that was not seen
    const { flows, counters } = await run(scene)
    expect(flows).toHaveLength(1)
    expect(flows[0]).toMatchObject({ 'source.packets': 3, 'source.bytes': 3008 + 60, 'source.port': 5000, 'destination.port': 6000 })
    expect(counters[9]).toBe(1n)
  })
})

describe('the demo capture', () => {
  it('is what its generator makes, and every flow of it is known but one', async () => {
    const file = fileURLToPath(new URL('../../src/assets/demo.pcap.gz', import.meta.url))
    const { flows, problem } = await fromFile(file)
    expect(problem).toBeNull()
    const stacks = flows.map((f) => (f['flowident.layers'] as string[]).join('>') || 'unknown').sort()
    expect(stacks).toEqual(
      ['dns', 'dns', 'http1', 'http1', 'http1>tls', 'http1>websocket', 'http2>grpc', 'mdns', 'mysql', 'postgresql', 'proxy>http1', 'quic', 'redis', 'smtp>tls', 'ssh', 'ssh', 'tls', 'tls', 'tls', 'unknown'], // biome-ignore format: one line
    )
    const facts = flows
      .flatMap((f) => ['tls.sni', 'http.host', 'rpc.service', 'dns.question.name', 'db.namespace'].map((k) => f[k]))
      .filter(Boolean)
    for (const fact of [
      'media.shop.example',
      'shop.payment.v2.Payments',
      'mail.shop.example',
      'updates.example',
      'stock',
      'payment.shop.svc.cluster.local',
    ])
      expect(facts).toContain(fact)
  })
})

describe('bounds', () => {
  const many = (n: number, step = 0.0004): Scene => {
    const scene = new Scene(1_700_000_000, step)
    for (let i = 0; i < n; i++) scene.udp(at(`10.2.${i >> 8}.${i & 255}`, 1000), at('10.3.0.1', 9), 'x')
    return scene
  }
  it('flows: the idlest gives way, none is lost', async () => {
    const { flows, summary } = await run(many(3000), { maxFlows: 100 })
    expect(flows).toHaveLength(3000)
    expect(new Set(flows.map((f) => f['source.address'])).size).toBe(3000)
    expect(summary.evicted).toBe(2900)
  })
  it('idle flows are given out while the capture goes on', () => {
    const replay = addon.createReplay({ idleSeconds: 10 })
    replay.feed(pcapBytes(many(500, 1).frames))
    expect(replay.take()!.byteLength / 296).toBeGreaterThan(400)
    expect(replay.summary().evicted).toBe(0)
  })
  it('a clock that jumps back ends nothing', async () => {
    const scene = new Scene()
    const c = scene.tcp(A, B).open()
    scene.time -= 100_000
    c.send('<', BANNER)
    expect((await run(scene)).flows).toHaveLength(1)
  })
  it('memory does not grow with the file', () => {
    const replay = addon.createReplay({ maxFlows: 1000 })
    const piece = pcapBytes(many(20_000).frames)
    replay.feed(piece)
    while (replay.take());
    const before = process.memoryUsage().rss
    for (let i = 0; i < 50; i++) {
      replay.feed(piece.subarray(24))
      while (replay.take());
    }
    expect(replay.summary().packets).toBe(51 * 20_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(60 << 20)
  })
  it('packets without a flow are counted by cause; each packet is in a flow or counted', async () => {
    const scene = many(5)
    scene.packet(Buffer.alloc(40), () => Buffer.concat([Buffer.alloc(12), Buffer.from([8, 6]), Buffer.alloc(28)])) // ARP
    scene.packet(Buffer.from([0x45, 0, 0, 10]), ethernet)
    const { flows, counters, summary } = await run(scene)
    expect([counters[4], counters[5]]).toEqual([1n, 1n])
    expect(flows.reduce((n, f) => n + Number(f['source.packets']), 0) + 2).toBe(summary.packets)
  })
})

it('names of loss causes are those of bpf/counters.h', () => {
  const abi = readFileSync(new URL('../../bpf/counters.h', import.meta.url), 'utf8')
  for (const [index, name] of countedCauses) expect(abi).toContain(`FI_C_${name} = ${index},`)
})
