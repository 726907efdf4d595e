// SPDX-License-Identifier: Apache-2.0
// Conversations made to be mistaken for something else, against the loaded programs: bytes of another protocol in payloads, in
// segments that the receiver never takes, in repeated and overlapping ones. What the server speaks is found, an answer does not go
// back and forth, and memory is what was configured.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { protocolName } from '../../src/flows/protocols.js'
import { CONFIDENCE, FLOW, HEAD, RECORD, RECORD_TYPE, TUPLE, VERDICT } from '../../src/gen/abi.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { fragment, hostileFrames, patched } from '../lib/hostile.js'
import { randomOf } from '../lib/rule-worlds.js'
import { at, ip, Scene, tcpSegment, udpSegment } from '../lib/synth.js'
import { unavailable } from './flow-states.js'

const addon = loadAddon()
const SSH = 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'
const HTTP = 'GET /index.html HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n'
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok'
const SMTP = '220 mail.example.org ESMTP Postfix\r\n'
const REDIS = '*1\r\n$4\r\nPING\r\n'
const PSH = 24

interface Told {
  protocol: string
  confirmed: boolean
  revisions: number
}

const reason = unavailable()
describe.skipIf(reason !== undefined)(`hostile traffic${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    kernel = await addon.openKernel({
      flows: 4096,
      pending: 512,
      without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_tc_egress', 'fi_filter'],
    })
  })
  afterAll(() => kernel?.close())

  let flow = 0
  /** Runs a conversation of its own with a server on a port that says nothing; `change` may put other frames in place of one. */
  async function talk(
    play: (c: ReturnType<Scene['tcp']>, scene: Scene, client: string) => void,
    change: (frame: Buffer) => Buffer[] = (frame) => [frame],
  ): Promise<Told> {
    flow++
    const client = `10.90.${flow >> 8}.${flow & 255}`
    const scene = new Scene()
    play(scene.tcp(at(client, 41_000), at('10.91.0.1', 48_484)), scene, client)
    for (const { data } of scene.frames) for (const frame of change(data)) kernel.testRun('fi_xdp', frame)
    return told(client)
  }
  /** What is known of the client's flow. */
  async function told(client: string): Promise<Told> {
    const records = Buffer.from(await kernel.dumpFlows())
    const wanted = Buffer.from(client.split('.').map(Number))
    for (let i = 0; i + HEAD.sizeof <= records.length; i += (records.readUInt32LE(i + HEAD.size) + 7) & ~7) {
      if (records.readUInt16LE(i + HEAD.type) !== RECORD_TYPE.FLOW) continue
      const tuple = records.subarray(i + RECORD.tuple, i + RECORD.tuple + TUPLE.sizeof)
      if (!tuple.subarray(12, 16).equals(wanted) && !tuple.subarray(28, 32).equals(wanted)) continue
      const verdict = i + RECORD.flow + FLOW.verdict
      const depth = records[verdict + VERDICT.depth] ?? 0
      return {
        protocol: depth === 0 ? 'unknown' : protocolName(records.readUInt16LE(verdict + 2 * (records[verdict + VERDICT.named] ?? 0))),
        confirmed: records[verdict + VERDICT.confidence] === CONFIDENCE.CONFIRMED,
        revisions: records[verdict + VERDICT.revisions] ?? 0,
      }
    }
    throw new Error(`no flow of ${client}`)
  }
  /** What the server speaks, confirmed or not, after one change of mind at most. */
  const isSsh = (found: Told): void => {
    expect(found.protocol).toBe('ssh')
    expect(found.revisions).toBeLessThanOrEqual(1)
  }

  it('an SSH server to which a client speaks something else', async () => {
    for (const lie of [HTTP, REDIS, HTTP + SSH, 'EHLO x\r\n', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03']) {
      isSsh(await talk((c) => c.open().send('>', lie).send('<', SSH).send('>', lie).send('<', SSH)))
      isSsh(await talk((c) => c.open().send('<', SSH).send('>', lie).send('>', HTTP).send('<', 'x'.repeat(300))))
    }
  })

  it('payloads that are two protocols at once do not make the answer go back and forth', async () => {
    for (const [a, b] of [
      [HTTP + SSH, ANSWER],
      [SSH + HTTP, SSH + ANSWER],
      [REDIS + HTTP, '+PONG\r\n'],
      [SMTP + SSH, SMTP + ANSWER],
    ] as const) {
      const found = await talk((c) => {
        c.open()
        for (let i = 0; i < 6; i++) c.send('>', a).send('<', b)
      })
      expect(found.revisions).toBeLessThanOrEqual(1)
    }
  })

  it('segments outside the window, which the server never takes', async () => {
    for (const offset of [1_000_000, -1_000_000, 0x7fff0000, 70_000]) {
      const found = await talk((c) => {
        c.open()
        c.segment('>', PSH, Buffer.from(HTTP), offset)
        c.segment('<', PSH, Buffer.from(ANSWER), offset)
        c.send('<', SSH).send('>', SSH)
        c.segment('>', PSH, Buffer.from(HTTP), offset)
        c.segment('<', PSH, Buffer.from(ANSWER), offset)
      })
      isSsh(found)
    }
  })

  it('a segment that dies on the way, and the true one behind it', async () => {
    const found = await talk((c) => {
      c.open()
      c.segment('>', PSH, Buffer.from(HTTP), 0) // a TTL that ends before the server
      c.send('<', SSH).send('>', SSH.padEnd(HTTP.length, 'x')).send('<', SSH)
    })
    isSsh(found)
  })

  it('retransmissions with other bytes, of whole segments and of parts', async () => {
    for (const from of [0, 1, 8, 20]) {
      const found = await talk((c) => {
        c.open()
        c.send('<', SSH).send('>', SSH)
        for (let i = 0; i < 4; i++) c.segment('>', PSH, Buffer.from(HTTP), -SSH.length + from)
        for (let i = 0; i < 4; i++) c.segment('<', PSH, Buffer.from(ANSWER), -SSH.length + from)
      })
      expect(found).toMatchObject({ protocol: 'ssh', confirmed: true, revisions: 0 })
    }
  })

  it('segments out of nowhere do not rename a connection', async () => {
    const found = await talk((c, scene, client) => {
      c.open().send('<', SSH).send('>', SSH)
      scene.packet(ip('10.91.0.1', client, 6, tcpSegment(48_484, 41_000, 1, 1, PSH, Buffer.from(ANSWER)), 16))
      scene.packet(ip(client, '10.91.0.1', 6, tcpSegment(41_000, 48_484, 1, 1, PSH, Buffer.from(HTTP)), 16))
    })
    expect(found).toMatchObject({ protocol: 'ssh', confirmed: true })
  })

  it('fragments that overlap confirm nothing', async () => {
    const query = Buffer.from('123401000001000000000000076578616d706c65036f72670000010001', 'hex')
    const whole = ip('10.92.0.1', '10.93.0.1', 17, udpSegment(40_000, 9_999, Buffer.concat([query, Buffer.alloc(43)])), 6)
    for (const frame of [
      fragment(whole, 0, 64, true, 9),
      fragment(whole, 8, 64, true, 9), // over the first
      fragment(whole, 0, 16, true, 9),
      fragment(whole, 64, whole.length - 20, false, 9),
    ])
      kernel.testRun('fi_xdp', frame)
    expect((await told('10.92.0.1')).confirmed).toBe(false)
  })

  it('random damage to true conversations confirms nothing else, in memory that does not grow', { timeout: 60_000 }, async () => {
    const random = randomOf(4711)
    const bytes = async (): Promise<number> => (await kernel.maps()).reduce((sum, map) => sum + map.bytes, 0)
    const before = await bytes()
    let damaged = 0
    let confirmed = 0
    for (let round = 0; round < 300; round++) {
      // A third of the client's frames with payload is there twice, before or behind with bytes of HTTP in place of its own.
      const found = await talk(
        (c) =>
          c
            .open()
            .send('<', SSH, 1 + random(40))
            .send('>', SSH, 1 + random(40)),
        (frame) => {
          if (frame.length <= 54 || frame.readUInt16BE(36) !== 48_484 || random(3) > 0) return [frame]
          const other = patched(frame, 54, ...Buffer.from(HTTP).subarray(0, frame.length - 54))
          damaged++
          return random(2) === 0 ? [other, frame] : [frame, other]
        },
      )
      isSsh(found)
      if (found.confirmed) confirmed++
    }
    expect(damaged).toBeGreaterThan(100)
    expect(confirmed).toBeGreaterThan(100)
    for (const frame of hostileFrames()) kernel.testRun('fi_xdp', frame)
    const maps = await kernel.maps()
    for (const { name, entries, capacity } of maps) expect(entries, name).toBeLessThanOrEqual(capacity)
    expect(await bytes()).toBeLessThan(before * 1.02)
  })
})
