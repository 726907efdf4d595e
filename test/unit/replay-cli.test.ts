// SPDX-License-Identifier: Apache-2.0
// `flowident replay` and `flowident demo` as a user meets them: keys of the JSON lines, tables, warnings, errors.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Command } from 'commander'
import { afterAll, describe, expect, it } from 'vitest'
import { demoCapture, register as registerDemo } from '../../src/cli/demo.js'
import { register as registerReplay, runReplay } from '../../src/cli/replay.js'

const folder = mkdtempSync(join(tmpdir(), 'flowident-replay-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))
const demo = demoCapture()

const world = () => {
  let out = ''
  let err = ''
  const io = {
    stdout: {
      write: (s: string) => {
        out += s
      },
    },
    stderr: {
      write: (s: string) => {
        err += s
      },
    },
    env: process.env,
  }
  return { io, out: () => out, err: () => err }
}

describe('replay', () => {
  it('prints one object a line with the keys of the contract', async () => {
    const { io, out, err } = world()
    await runReplay(io, [demo], { json: true, limit: 5 })
    const flows = out()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(flows).toHaveLength(20)
    for (const flow of flows) {
      expect(flow['capture']).toBe('demo.pcap.gz')
      for (const key of [
        'network.transport',
        'source.address',
        'source.port',
        'destination.address',
        'destination.port',
        'network.protocol.name',
        'flowident.layers',
        'flowident.confidence',
        'flowident.port_hint',
        'flowident.evidence',
        'source.packets',
        'source.bytes',
        'destination.packets',
        'destination.bytes',
      ])
        expect(flow, key).toHaveProperty([key])
      expect(['confirmed', 'probable', 'unknown']).toContain(flow['flowident.confidence'])
    }
    const redis = flows.find((f) => f['network.protocol.name'] === 'redis')
    expect(redis).toMatchObject({ 'flowident.port_hint': 'tls', 'flowident.confidence': 'confirmed' })
    expect(redis?.['flowident.evidence']).toMatchObject({ offset: 0, packet: 1 })
    expect(err()).toMatch(/^264 packets, 20 flows from 1 file in \d+\.\d\d s \([\d,]+ packets\/s\)\n$/)
  })

  it('prints tables of the largest flows and of protocols', async () => {
    const { io, out } = world()
    await runReplay(io, [demo], { limit: 3 })
    const lines = out().split('\n')
    expect(lines[0]).toMatch(/^TRANSPORT +SOURCE +DESTINATION +PROTOCOL/)
    expect(lines[1]).toContain('media.shop.example (h3)')
    expect(lines[4]).toBe('the 3 largest of 20 flows')
    expect(out()).toMatch(/\nhttp1>websocket +1 +1 /)
  })

  it('goes on after a file that it cannot read, and fails at the end', async () => {
    const text = join(folder, 'notes.txt')
    writeFileSync(text, 'these are words, not packets, and more of them')
    const { io, out, err } = world()
    await expect(runReplay(io, [text, demo], { json: true, limit: 5 })).rejects.toMatchObject({ code: 'capture-unreadable', exitCode: 1 })
    expect(out().split('\n')).toHaveLength(21)
    expect(err()).toContain('20 flows from 1 file')
  })

  it('reads what is there of a damaged file, says so, and does not fail', async () => {
    const cut = join(folder, 'cut.pcap')
    const all = gunzipSync(readFileSync(demo))
    writeFileSync(cut, all.subarray(0, all.length - 5))
    const { io, err } = world()
    await runReplay(io, [cut], { json: true, limit: 5 })
    expect(err()).toMatch(/warning: .*cut\.pcap: cut off at byte \d+/)
    expect(err()).toContain('263 packets')
  })
})

describe('as commands', () => {
  const run = async (...words: string[]) => {
    const w = world()
    const program = new Command().exitOverride()
    registerReplay(program, w.io)
    registerDemo(program, w.io)
    const started = performance.now()
    await program.parseAsync(words, { from: 'user' })
    return { out: w.out(), err: w.err(), ms: performance.now() - started }
  }
  it('demo shows its table in less than two seconds', async () => {
    const { out, ms } = await run('demo')
    expect(out).toContain('shop.payment.v2.Payments/Charge')
    expect(ms).toBeLessThan(2000)
  })
  it('demo --json and replay --json are the same', async () => {
    expect((await run('demo', '--json')).out).toBe((await run('replay', '--json', demo)).out)
  })
  it('replay refuses a limit that is no number', async () => {
    await expect(run('replay', '-n', 'many', demo)).rejects.toThrow(/whole number/)
  })
})
