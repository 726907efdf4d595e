// SPDX-License-Identifier: Apache-2.0
// Rates and expiry in the loaded programs: packets go through XDP by BPF_PROG_TEST_RUN as fast as that goes.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RULE_HITS, RULES_SWITCH } from '../../src/gen/abi.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { ethernet, ip, tcpSegment, udpSegment } from '../lib/synth.js'
import { unavailable } from './flow-states.js'

const addon = loadAddon()
const DROP = 1
const udp = (from: string, size = 10, to = '10.0.0.2'): Buffer => ethernet(ip(from, to, 17, udpSegment(4000, 9, Buffer.alloc(size, 1)), 6))
const seconds = (): number => Number(process.hrtime.bigint()) / 1e9

describe.skipIf(unavailable() !== undefined)('rules with time', () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    kernel = await addon.openKernel({ flows: 4096, pending: 1024 })
  })
  afterEach(() => kernel.installRules(null))
  afterAll(() => kernel.close())

  const install = (text: string): Promise<number> =>
    kernel.installRules(compileRules(loadRules([{ name: 'test.yaml', text }]).rules, [{ name: 'lo', index: 1 }]))
  const dropped = (packet: Buffer, program = 'fi_xdp'): boolean => kernel.testRun(program, packet).retval === DROP
  /** Of the first rule: packets that met it, and those of them that were dropped. */
  async function hits(): Promise<{ met: number; dropped: number }> {
    const data = new DataView(await kernel.ruleHits(1))
    const at = (member: number) => Number(data.getBigUint64(RULES_SWITCH.sizeof + member, true))
    return { met: at(RULE_HITS.packets), dropped: at(RULE_HITS.dropped) }
  }
  /** Sends each of the packets in turn for so many seconds: how many of each passed, and in what time. */
  function flood(packets: readonly Buffer[], duration: number): { passed: number[]; sent: number; took: number } {
    const passed = packets.map(() => 0)
    const begin = seconds()
    let sent = 0
    while (seconds() - begin < duration)
      for (const [i, packet] of packets.entries()) {
        passed[i] = (passed[i] ?? 0) + (dropped(packet) ? 0 : 1)
        sent++
      }
    return { passed, sent, took: seconds() - begin }
  }
  const within = (got: number, wanted: number, part = 0.05): void => {
    expect(got).toBeGreaterThan(wanted * (1 - part))
    expect(got).toBeLessThan(wanted * (1 + part))
  }

  it('packets a second: the rate and the burst pass, within 5 %', async () => {
    await install('rules: [{ name: slow, action: rate-limit, rate: { packets_per_second: 1000, burst: 200 }, match: { transport: udp } }]')
    const { passed, sent, took } = flood([udp('10.0.0.1'), udp('10.0.0.3')], 1.5)
    within((passed[0] as number) + (passed[1] as number), 200 + 1000 * took)
    expect(sent).toBeGreaterThan(4000)
    const { met, dropped: gone } = await hits()
    expect(met).toBe(sent)
    expect(gone).toBe(sent - (passed[0] as number) - (passed[1] as number))
    expect(dropped(ethernet(ip('10.0.0.1', '10.0.0.2', 6, tcpSegment(1, 9, 1, 1, 16, Buffer.alloc(1)), 16)))).toBe(false)
  })

  it('bytes a second, of IP packets', async () => {
    await install('rules: [{ name: slow, action: rate-limit, rate: { bytes_per_second: 500000, burst: 65536 }, match: {} }]')
    const size = 972
    const { passed, took } = flood([udp('10.0.0.1', size)], 1.5)
    within((passed[0] as number) * (28 + size), 65_536 + 500_000 * took)
  })

  it.each([
    ['udp 4', ['10.1.0.1', '10.1.0.2', '10.1.0.3']],
    ['addresses of version 6', ['2001:db8::1', '2001:db8::2', '2001:db8::3']],
  ])('each source on its own: %s', async (_name, sources) => {
    await install(
      'rules: [{ name: each, action: rate-limit, rate: { packets_per_second: 500, burst: 50, per: source }, match: { transport: udp } }]',
    )
    const { passed, took } = flood(
      sources.map((from) => udp(from, 10, from.includes(':') ? '2001:db8::9' : '10.0.0.2')),
      1.2,
    )
    for (const each of passed) within(each, 50 + 500 * took)
  })

  it('by protocol: what comes before the verdict passes, and then the rate holds', async () => {
    await install(`rules:
  - { name: slow-redis, action: rate-limit, rate: { packets_per_second: 1, burst: 3 }, match: { protocol: redis } }
`)
    const command = Buffer.from('*1\r\n$4\r\nPING\r\n')
    const send = (seq: number, flags: number, payload = Buffer.alloc(0)): boolean =>
      dropped(ethernet(ip('10.2.0.1', '10.2.0.2', 6, tcpSegment(5000, 7777, seq, 1, flags, payload), 16)))
    expect(send(99, 2)).toBe(false)
    const answers = Array.from({ length: 8 }, (_, i) => send(100 + i * command.length, 24, command))
    expect(answers).toEqual([false, false, false, true, true, true, true, true])
    await kernel.installRules(null)
    expect(send(100 + 8 * command.length, 24, command)).toBe(false)
  })

  it('a drop behind a limit by protocol waits for the verdict', async () => {
    await install(`rules:
  - { name: slow-ssh, action: rate-limit, rate: { packets_per_second: 1, burst: 100 }, match: { protocol: ssh } }
  - { name: rest, action: drop, match: { destination: { ports: [2222] } } }
`)
    const send = (sport: number, seq: number, flags: number, text = ''): boolean =>
      dropped(ethernet(ip('10.3.0.1', '10.3.0.2', 6, tcpSegment(sport, 2222, seq, 1, flags, Buffer.from(text)), 16)))
    expect([send(6000, 99, 2), send(6000, 100, 24, 'SSH-2.0-OpenSSH_9.2\r\n'), send(6000, 121, 24, 'x')]).toEqual([false, false, false])
  })

  it('a limit that only counts counts what is above it', async () => {
    await install('rules: [{ name: seen, action: rate-limit, audit: true, rate: { packets_per_second: 1, burst: 10 }, match: {} }]')
    const answers = Array.from({ length: 30 }, () => dropped(udp('10.4.0.1')))
    expect(answers.every((each) => !each)).toBe(true)
    expect((await hits()).met).toBeGreaterThanOrEqual(19)
    expect((await hits()).met).toBeLessThanOrEqual(20)
  })

  it('a rule expires by the clock of the kernel, with nobody doing anything, and the one behind it decides', async () => {
    const until = Date.now() + 1200
    await install(`rules:
  - { name: pass, action: pass, expires: "${new Date(until).toISOString()}", match: { source: { cidrs: [10.5.0.1] } } }
  - { name: some, action: drop, expires: "${new Date(until + 800).toISOString()}", match: { source: { cidrs: [10.5.0.2] } } }
  - { name: past, action: drop, expires: 2001-01-01T00:00:00Z, match: { source: { cidrs: [10.5.0.3] } } }
  - { name: all, action: drop, match: { source: { cidrs: [10.5.0.1] } } }
`)
    const seen = new Map<string, string>()
    const order: string[] = []
    while (Date.now() < until + 1200) {
      const now = Date.now()
      const answers = ['10.5.0.1', '10.5.0.2', '10.5.0.3'].map((from) => (dropped(udp(from)) ? 'drop' : 'pass')).join(' ')
      if (order.at(-1) !== answers) order.push(answers)
      // Some milliseconds are the clocks' own.
      const phase =
        now < until - 20 ? 'first' : now < until + 20 || Math.abs(now - until - 800) < 20 ? '' : now < until + 780 ? 'then' : 'last'
      if (phase !== '') seen.set(phase, answers)
    }
    expect(order).toEqual(['pass drop pass', 'drop drop pass', 'drop pass pass'])
    expect(Object.fromEntries(seen)).toEqual({ first: order[0], then: order[1], last: order[2] })
  })

  it('a flow that an expiring rule drops by protocol goes on when it expired', async () => {
    const until = Date.now() + 700
    await install(`rules: [{ name: no-redis, action: drop, expires: "${new Date(until).toISOString()}", match: { protocol: redis } }]`)
    const command = Buffer.from('*1\r\n$4\r\nPING\r\n')
    const send = (i: number): boolean =>
      dropped(ethernet(ip('10.6.0.1', '10.6.0.2', 6, tcpSegment(5000, 7777, 100 + i * command.length, 1, 24, command), 16)))
    expect(send(0)).toBe(true)
    expect(send(1)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, until + 50 - Date.now()))
    expect(send(2)).toBe(false)
  })
})
