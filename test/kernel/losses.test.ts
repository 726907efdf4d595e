// SPDX-License-Identifier: Apache-2.0
// No packet is lost without a word: what the taps were given is what the aggregates counted and what is told under a cause, also
// while nobody reads the ring, tables are full and packets are made to confuse. Floods push out no flow that has a verdict.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AggregateView } from '../../src/flows/aggregate-view.js'
import { AGGREGATE_COUNTER } from '../../src/flows/layout.js'
import { BUDGET_STEP, COUNTERS } from '../../src/gen/abi.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { hostileFrames } from '../lib/hostile.js'
import { readPcap } from '../lib/pcap.js'
import { ethernet, ip, tcpSegment, udpSegment } from '../lib/synth.js'
import { flowStates, unavailable } from './flow-states.js'

const folder = join(fileURLToPath(new URL('.', import.meta.url)), '../pcap')
const addon = loadAddon()
/** Spoofed flows of the flood; FLOWIDENT_FLOOD=10000000 for a long one. */
const FLOOD = Number(process.env['FLOWIDENT_FLOOD'] ?? 1_000_000)
const LIVE = 10_000
const FLOWS = 32_768
const RULE = 'rules: [{ name: none, action: drop, match: { source: { cidrs: [192.0.2.1/32] } } }]'

const reason = unavailable()
describe.skipIf(reason !== undefined)(`losses in the kernel${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    // A ring that nobody reads.
    kernel = await addon.openKernel({ flows: FLOWS, pending: 1024, ringBytes: 65_536, without: ['fi_filter'] })
  })
  afterAll(() => kernel?.close())

  const counts = (): Record<string, number> => {
    const cells = kernel.counters()
    return Object.fromEntries(COUNTERS.map(({ name }, i) => [name, Number(cells[i])]))
  }
  const counted = async (): Promise<number> => {
    const view = new AggregateView(await kernel.aggregates())
    let sum = 0n
    for (let i = 0; i < view.count; i++) {
      view.move(i)
      sum += view.value(AGGREGATE_COUNTER.rxPackets) + view.value(AGGREGATE_COUNTER.txPackets)
    }
    return Number(BigInt.asUintN(64, sum))
  }
  const TAPS = ['socket_rx', 'socket_tx', 'wire_rx', 'wire_tx'] as const
  /** Runs `work`; gives what each counter grew by, after checking that no packet of it is missing. */
  const balanced = async (work: () => unknown): Promise<Record<string, number>> => {
    const [before, were] = [counts(), await counted()]
    await work()
    const [after, are] = [counts(), await counted()]
    const grown = Object.fromEntries(Object.entries(after).map(([name, n]) => [name, n - (before[name] ?? 0)]))
    const seen = TAPS.reduce((sum, name) => sum + (grown[name] ?? 0), 0)
    const unaccounted = COUNTERS.filter((cell) => cell.unaccounted).reduce((sum, { name }) => sum + (grown[name] ?? 0), 0)
    expect(seen).toBeGreaterThan(0)
    expect(are - were + unaccounted).toBe(seen)
    return grown
  }
  const entries = async (): Promise<number> =>
    (await kernel.maps()).filter(({ name }) => name === 'fi_flows' || name === 'fi_new').reduce((sum, each) => sum + each.entries, 0)
  const verdicts = async (): Promise<Map<string, string>> => flowStates(Buffer.from(await kernel.dumpFlows()))

  it('recorded traffic, on the way in and out and of a socket', { timeout: 60_000 }, async () => {
    const grown = await balanced(() => {
      for (const name of readdirSync(folder).filter((file) => file.endsWith('.pcap')))
        for (const { data, link, wire } of readPcap(join(folder, name))) {
          if (link !== 1 || data.length < 14 || data.length !== wire || data.length > 3300) continue
          kernel.testRun('fi_xdp', data)
          kernel.testRun('fi_tc_egress', data)
        }
      kernel.testRun('fi_cgroup_ingress', ethernet(ip('10.1.0.1', '10.1.0.2', 17, udpSegment(1, 2, Buffer.from('x')), 6)))
    })
    expect(grown).toMatchObject({ socket_rx: 1, busy: 0, table_full: 0 })
    expect(grown['wire_rx']).toBe(grown['wire_tx'])
    expect(grown['not_ip']).toBeGreaterThan(0)
    expect(grown['ring_full']).toBeGreaterThan(0) // events are lost, packets are not
  })

  it('packets made to confuse', async () => {
    const frames = hostileFrames()
    let ran = 0
    const grown = await balanced(() => {
      for (const frame of frames) {
        kernel.testRun('fi_xdp', frame)
        // an sk_buff is not made for less than an IP header
        if (frame.length < 54) continue
        kernel.testRun('fi_tc_ingress', frame)
        ran++
      }
    })
    expect(grown['wire_rx']).toBe(frames.length + ran)
    for (const cause of ['truncated', 'malformed', 'too_deep', 'fragment_orphan']) expect(grown[cause], cause).toBeGreaterThan(0)
  })

  /** DNS, asked and answered. */
  const dns = (i: number): [Buffer, Buffer] => {
    const [client, server] = [`10.20.${i >> 8}.${i & 255}`, '10.21.0.1']
    const message = (flags: string, answers: number): Buffer =>
      Buffer.concat([
        Buffer.from([i >> 8, i & 255]),
        Buffer.from(`${flags}0001000${answers}00000000`, 'hex'),
        Buffer.from('\x07example\x03org\0\0\x01\0\x01', 'latin1'),
        answers === 0 ? Buffer.alloc(0) : Buffer.from('c00c000100010000003c00040a000001', 'hex'),
      ])
    return [
      ethernet(ip(client, server, 17, udpSegment(40_000, 53, message('0100', 0)), 6)),
      ethernet(ip(server, client, 17, udpSegment(53, 40_000, message('8180', 1)), 6)),
    ]
  }
  /** Runs one packet a flow, from `count` made-up sources. */
  const flood = (count: number, packet: Buffer): void => {
    const frame = ethernet(packet)
    for (let i = 0; i < count; i++) {
      frame.writeUInt32BE(0x0b00_0000 + i, 26)
      kernel.testRun('fi_xdp', frame)
    }
  }

  it(`a flood of ${FLOOD} flows leaves ${LIVE} identified ones as they are`, { timeout: 60_000 + FLOOD / 5 }, async () => {
    for (let i = 0; i < LIVE; i++) for (const frame of dns(i)) kernel.testRun('fi_xdp', frame)
    const before = await verdicts()
    const mine = [...before].filter(([key]) => key.includes('ffff0a14') && key.includes('ffff0a150001'))
    expect(mine.length).toBe(LIVE)
    const memory = (await kernel.maps()).reduce((sum, { bytes }) => sum + bytes, 0)
    const started = counts()
    const startEntries = await entries()
    const grown = await balanced(() => {
      flood(FLOOD, ip('11.0.0.0', '10.21.0.9', 6, tcpSegment(1025, 443, 1, 0, 2, Buffer.alloc(0)), 16))
      // those that are identified at once may fill the other table; there is no room for more then, and nothing goes
      flood(FLOWS + 5000, dns(0)[0].subarray(14))
    })
    expect(grown['flow_new']).toBe(FLOOD + FLOWS + 5000)
    const after = await verdicts()
    for (const [key, state] of mine) expect(after.get(key)).toBe(state)
    // Every flow that came is there, ended or was pushed out.
    const evicted = (grown['table_in'] ?? 0) - (grown['table_out'] ?? 0) - ((await entries()) - startEntries)
    expect(evicted).toBeGreaterThan(FLOOD - FLOWS)
    expect(started['flow_new']! + grown['flow_new']! - counts()['flow_end']!).toBeGreaterThanOrEqual(await entries())
    const maps = await kernel.maps()
    for (const { name, entries: used, capacity } of maps) expect(used, name).toBeLessThanOrEqual(capacity)
    expect(maps.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(memory * 1.02)
  })

  describe('CPU budget', () => {
    afterAll(() => kernel?.setBudget(BUDGET_STEP.FULL))
    let port = 20_000
    const SSH = 'SSH-2.0-OpenSSH_9.2\r\n'
    /** So many new connections to SSH servers; gives how many of them are identified. */
    const talks = async (count: number): Promise<{ identified: number; grown: Record<string, number> }> => {
      const before = await verdictCount()
      const grown = await balanced(() => {
        for (let i = 0; i < count; i++) {
          port++
          const [a, b] = [`10.30.${i >> 8}.${i & 255}`, '10.31.0.1']
          const send = (from: string, to: string, sport: number, dport: number, seq: number, flags: number, data = ''): unknown =>
            kernel.testRun('fi_xdp', ethernet(ip(from, to, 6, tcpSegment(sport, dport, seq, 1, flags, Buffer.from(data)), 16)))
          send(a, b, port, 2022, 100, 2)
          send(b, a, 2022, port, 500, 18)
          send(b, a, 2022, port, 501, 24, SSH)
          send(a, b, port, 2022, 101, 24, SSH)
          send(a, b, port, 2022, 101 + SSH.length, 24, 'more')
        }
      })
      expect(grown['wire_rx']).toBe(5 * count)
      return { identified: (await verdictCount()) - before, grown }
    }
    const verdictCount = async (): Promise<number> =>
      [...(await verdicts())].filter(([key, state]) => key.includes('ffff0a1f0001') && !state.startsWith('{"verdict":"0000')).length

    it.each([
      ['FULL', 1],
      ['FIRST', 1],
      ['SAMPLED', 1 / 16],
      ['COUNTERS', 0],
    ] as const)('%s: so many are looked at, all are counted', async (step, part) => {
      kernel.setBudget(BUDGET_STEP[step])
      const { identified, grown } = await talks(480)
      expect(identified).toBeGreaterThanOrEqual(480 * part * 0.4)
      expect(identified).toBeLessThanOrEqual(480 * part * 2)
      expect(grown['budget']).toBe(480 - identified)
    })

    it('is nothing that rules can be got around with', async () => {
      kernel.setBudget(BUDGET_STEP.COUNTERS)
      await kernel.installRules(compileRules(loadRules([{ name: 'test.yaml', text: RULE }]).rules, [{ name: 'lo', index: 1 }]))
      try {
        expect((await talks(10)).identified).toBe(10)
      } finally {
        await kernel.installRules(null)
      }
    })

    it('refuses a step that there is not', () => {
      expect(() => kernel.setBudget(BUDGET_STEP.MAX)).toThrow(/setBudget/)
    })
  })
})
