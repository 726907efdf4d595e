// SPDX-License-Identifier: Apache-2.0
// The tests' own tools: what they leave behind is removed, and what they count is what the kernel counted.
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Capture } from '../lib/capture.js'
import { flowsOf } from '../lib/count.js'
import { INNER_SERVER, inner, WRAPS, wrapPair } from '../lib/links.js'
import { Netns, Pair, SERVER, unavailable } from '../lib/netns.js'
import { readPcap } from '../lib/pcap.js'
import { Proc, run, until } from '../lib/process.js'
import { remove, sweep } from '../lib/registry.js'
import { nginx } from '../lib/servers/web.js'
import { TempDir } from '../lib/temp.js'
import { place, readTruth } from '../lib/truth.js'

const reason = unavailable()
if (reason !== undefined) console.log(`test/e2e/lib: skipped, ${reason}`)

describe.skipIf(reason !== undefined)('tools of the tests', () => {
  it('removes the namespaces and directories of a test that crashed', async () => {
    const lib = (name: string): string => fileURLToPath(new URL(`../lib/${name}.ts`, import.meta.url))
    const script = `
      const { Netns } = await import(${JSON.stringify(lib('netns'))})
      const { TempDir } = await import(${JSON.stringify(lib('temp'))})
      console.log(new Netns('crash').name, new TempDir('crash').path)
      setInterval(() => {}, 1000)`
    const proc = new Proc([process.execPath, '--import', import.meta.resolve('tsx'), '--input-type=module', '-e', script])
    await until('the namespace', () => {
      if (!proc.running) throw new Error(proc.stderr)
      return proc.stdout.includes('\n')
    })
    const [name, dir] = proc.stdout.trim().split(' ') as [string, string]
    expect(sweep()).not.toContain(name) // its maker still runs
    expect(existsSync(`/run/netns/${name}`)).toBe(true)
    await proc.stop('SIGKILL')
    const removed = sweep()
    expect(removed).toContain(name)
    expect(removed).toContain(dir)
    expect(existsSync(`/run/netns/${name}`)).toBe(false)
    expect(existsSync(dir)).toBe(false)
  })

  it('ends what still runs in a namespace that is removed', async () => {
    const ns = new Netns('busy')
    const proc = new Proc(['sleep', '60'], { netns: ns.name })
    await until('sleep', () => ns.exec('ip', 'netns', 'pids', ns.name).includes(String(proc.pid)))
    remove('netns', ns.name)
    await proc.finish(3000)
    expect(existsSync(`/run/netns/${ns.name}`)).toBe(false)
  })

  it('counts what the interface counted', async () => {
    using dir = new TempDir('count')
    using pair = new Pair()
    await using _server = await nginx(pair.server.name, dir, [{ port: 8080 }])
    const stats = (): { packets: number; bytes: number } => {
      const [link] = JSON.parse(pair.client.ip('-j', '-s', 'link', 'show', 'dev', 'e0')) as {
        stats64: Record<'rx' | 'tx', { packets: number; bytes: number }>
      }[]
      if (link === undefined) throw new Error('no e0')
      const { rx, tx } = link.stats64
      return { packets: rx.packets + tx.packets, bytes: rx.bytes + tx.bytes }
    }
    let seen = -1
    await until('the interface to be quiet (IPv6 announces groups at first)', async () => {
      const still = stats().packets === seen
      seen = stats().packets
      if (!still) await sleep(1000)
      return still
    })
    const file = dir.file('count.pcap')
    const capture = await Capture.start(pair.client, 'e0', file)
    const before = stats()
    await run(['curl', '-s', `http://${SERVER.v4}:8080/big`, `http://${SERVER.v4}:8080/`], { netns: pair.client.name })
    await capture.stop()
    const after = stats()
    const frames = readPcap(file)
    expect(frames.length).toBe(after.packets - before.packets)
    expect(frames.reduce((sum, f) => sum + f.wire, 0)).toBe(after.bytes - before.bytes)
    const [flow] = flowsOf(frames)
    expect(flow?.destination.port).toBe(8080)
    const ip = frames.filter((f) => f.data.readUInt16BE(12) === 0x0800)
    expect((flow?.source.packets ?? 0) + (flow?.destination.packets ?? 0)).toBe(ip.length)
    expect((flow?.source.bytes ?? 0) + (flow?.destination.bytes ?? 0)).toBe(ip.reduce((sum, f) => sum + f.wire - 14, 0))
  })

  it.each(WRAPS)('carries traffic through %s and sees the inner flow', async (wrap) => {
    using dir = new TempDir('wrap')
    using pair = new Pair()
    const relays = await wrapPair(pair, wrap)
    try {
      await using _server = await nginx(pair.server.name, dir, [{ port: 8080 }])
      const capture = await Capture.start(pair.client, 'e0', dir.file('wrap.pcap'))
      const address = inner(wrap).v4 ? INNER_SERVER.v4 : INNER_SERVER.v6
      const host = address.includes(':') ? `[${address}]` : address
      const { stdout } = await run(['curl', '-s', '-g', '-m', '5', `http://${host}:8080/`], { netns: pair.client.name })
      expect(stdout).toBe('flowident\n')
      await capture.stop()
      const flows = flowsOf(readPcap(dir.file('wrap.pcap')))
      expect(flows.filter((f) => f.destination.address === address && f.destination.port === 8080)).toHaveLength(1)
    } finally {
      for (const relay of relays) await relay.stop()
    }
  })
})

describe('truth of the recordings', () => {
  const pcap = (file: string): string => fileURLToPath(new URL(`../pcap/${file}`, import.meta.url))
  const truth = readTruth()
  const files = [...new Set(truth.map((t) => t.file))]

  it('covers each protocol of the first set', () => {
    const wanted = 'http1 http2 grpc grpc-web websocket dns mdns llmnr tls quic ssh redis postgresql mysql'.split(' ')
    expect([...new Set(truth.map((t) => t.protocol))]).toEqual(expect.arrayContaining(wanted))
  })

  it.each(files.filter((f) => !f.endsWith('.pcapng')))('%s holds the flows named', (file) => {
    const flows = flowsOf(readPcap(pcap(file)))
    for (const row of truth.filter((t) => t.file === file)) {
      const ends = [row.a, row.b].sort()
      const found = flows.filter(
        (f) => f.transport === row.transport && [place(f.source), place(f.destination)].sort().join() === ends.join(),
      )
      expect(found, `${row.a} ${row.b}`).toHaveLength(1)
    }
    expect(readFileSync(pcap(file)).length).toBeLessThanOrEqual(60_000)
  })
})
