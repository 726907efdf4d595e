// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { daemonCollectors } from '../../src/metrics/collectors.js'
import { Metrics } from '../../src/metrics/metrics.js'
import { RulesCollector } from '../../src/metrics/rules.js'
import { renderFamily } from '../../src/metrics/text.js'
import { TrafficCollector } from '../../src/metrics/traffic.js'
import { Connections } from '../../src/services/connections.js'
import { ServiceRegistry } from '../../src/services/registry.js'
import { Traffic } from '../../src/services/traffic.js'
import { RecordedKernel } from './support/kernel.js'
import { aggregates } from './support/records.js'

const evil = 'a"b\\c\nd{}\u001b[31m\ufffd'

const page = (kernel = new RecordedKernel()) => {
  const traffic = new Traffic(16)
  const registry = new ServiceRegistry()
  const service = registry.intern({ id: 'web', name: 'web', kind: 'unit', reason: 'test' })
  traffic.update(aggregates([{ protocol: 'ssh', values: [5n, 2n, 10n, 1000n, 20n, 2n ** 63n] }]), () => ({ service, final: true }))
  kernel.cells[13] = 4n
  kernel.cells[19] = 6n
  const errors: string[] = []
  const metrics = new Metrics(
    daemonCollectors({
      kernel,
      build: { version: '0.1.0', libbpf: '1.1', abi: 1 },
      traffic,
      registry,
      maxSeries: 2000,
      labels: ['kind', 'role'],
      updateTraffic: async () => undefined,
      connections: new Connections(),
      updateConnections: async () => undefined,
      attachments: () => [{ program: 'fi_xdp', target: evil, mode: 'native', ok: true }],
      fills: () => [{ name: 'daemon_flows', entries: 1, capacity: 2 }],
      losses: () => ({ daemon_table_full: 3 }),
    }),
    (collector) => errors.push(collector),
    () => performance.now(),
  )
  return { metrics, errors }
}

describe('metrics', () => {
  it('are what promtool calls right', async () => {
    const { text } = await page().metrics.scrape(false)
    const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    if (error) throw new Error(`promtool is needed (Debian: prometheus): ${error.message}`)
    expect(`${stdout}${stderr}`).toBe('')
    expect(status).toBe(0)
  })
  it('have the values of the kernel, exactly', async () => {
    const { text, type } = await page().metrics.scrape(false)
    expect(type).toContain('0.0.4')
    const labels = 'service="web",protocol="ssh",transport="tcp",role="server",view="socket",kind="unit"'
    expect(text).toContain(`flowident_flows_opened_total{${labels}} 5\n`)
    expect(text).toContain(`flowident_flows_active{${labels}} 3\n`)
    expect(text).toContain(`flowident_bytes_total{${labels},direction="rx"} 1000\n`)
    expect(text).toContain(`flowident_bytes_total{${labels},direction="tx"} 9223372036854775808\n`)
    expect(text).toContain('flowident_losses_total{cause="ring_full"} 4\n')
    expect(text).toContain('flowident_accounted_packets_total 30\n')
    expect(text).toContain('flowident_unaccounted_packets_total{cause="table_full"} 0\n')
    expect(text).not.toContain('flowident_unaccounted_packets_total{cause="ring_full"}') // an event, not a packet
    expect(text).toContain('flowident_evicted_flows_total 0\n')
    expect(text).toContain('flowident_losses_total{cause="daemon_table_full"} 3\n')
    expect(text).toContain('flowident_unknown_flows_total 6\n')
    expect(text).toContain('flowident_program_run_seconds_total{program="fi_ingress"} 0.0000015\n')
    expect(text).toContain('flowident_map_capacity{map="fi_flows"} 1024\n')
    expect(text).toContain('flowident_collector_success{collector="maps"} 1\n')
  })
  it('escape what strangers may have named', async () => {
    const { text } = await page().metrics.scrape(false)
    expect(text).toContain('target="a\\"b\\\\c\\nd{}\u001b[31m\ufffd"')
  })
  it('speak OpenMetrics: counters without their suffix in the heading, one end mark', async () => {
    const { text, type } = await page().metrics.scrape(true)
    expect(type).toContain('openmetrics')
    expect(text).toContain('# TYPE flowident_bytes counter\n')
    expect(text).toContain('\nflowident_bytes_total{')
    expect(text.endsWith('# EOF\n')).toBe(true)
    expect(text.split('# EOF')).toHaveLength(2)
  })
  it('lose only the families of a collector that fails', async () => {
    class Broken extends RecordedKernel {
      override maps(): never {
        throw new Error('EBADF')
      }
    }
    const { metrics, errors } = page(new Broken())
    const { text } = await metrics.scrape(false)
    expect(errors).toEqual(['maps'])
    expect(text).toContain('flowident_collector_success{collector="maps"} 0\n')
    expect(text).toContain('flowident_bytes_total{')
    expect(text).not.toContain('flowident_map_entries')
  })
  it('render infinities as Prometheus has them', () => {
    const family = { name: 'x', type: 'gauge' as const, help: 'a\\b\nc', samples: [{ labels: {}, value: Infinity }] }
    expect(renderFamily(family, false)).toBe('# HELP x a\\\\b\\nc\n# TYPE x gauge\nx +Inf\n')
  })
})

describe('series', () => {
  it('are bounded, with an exact ~other, and none ever falls', async () => {
    const traffic = new Traffic(4096)
    const registry = new ServiceRegistry(10_000)
    const resolve = (row: { uid: number }) => {
      const name = `s${row.uid}`
      return { service: registry.intern({ id: name, name, kind: 'process', reason: '' }), final: true }
    }
    const collector = new TrafficCollector(traffic, registry, { maxSeries: 46, extra: [] }, async () => undefined)
    const before = new Map<string, bigint>()
    for (let round = 1; round <= 5; round++) {
      const rows = Array.from({ length: round * 100 }, (_, uid) => ({
        uid,
        protocol: 'ssh',
        values: [1n, 0n, 1n, BigInt(round * (uid + 1)), 1n, 1n] as [bigint, bigint, bigint, bigint, bigint, bigint],
      }))
      traffic.update(aggregates(rows), resolve)
      const families = await collector.collect()
      const bytes = families.find(({ name }) => name === 'flowident_bytes_total')!.samples
      expect(bytes.length).toBeLessThanOrEqual(46)
      const rx = bytes.filter(({ labels }) => labels['direction'] === 'rx')
      const truth = rows.reduce((sum, { values }) => sum + values[3], 0n)
      expect(rx.reduce((sum, { value }) => sum + BigInt(value), 0n)).toBe(truth)
      expect(rx.some(({ labels }) => labels['service'] === '~other')).toBe(true)
      // Those with most traffic when places ran out have series of their own.
      expect(rx.some(({ labels }) => labels['service'] === 's99')).toBe(true)
      for (const { labels, value } of bytes) {
        const key = JSON.stringify(labels)
        expect(BigInt(value)).toBeGreaterThanOrEqual(before.get(key) ?? 0n)
        before.set(key, BigInt(value))
      }
      expect(before.size).toBeLessThanOrEqual(46)
    }
  })
})

describe('metrics of rules', () => {
  it('by rule, those beyond the budget as one', async () => {
    const state = (name: string, n: bigint, lastNs: bigint) => ({
      rule: { name, action: 'drop' as const, audit: false, comment: '', match: {}, not: {}, file: '', place: undefined },
      enforcedAt: '',
      packets: n,
      bytes: 100n * n,
      dropped: n,
      flows: 1n,
      lastNs,
    })
    const states = [state('a', 1n, 0n), state('b', 2n, 5_000_000_000n), state('c', 4n, 1n), state('d', 8n, 1n)]
    const families = await new RulesCollector(
      async () => states,
      15,
      () => 7_500_000_000n,
    ).collect()
    const text = families.map((family) => renderFamily(family, false)).join('')
    const other = '{rule="~other",action="~other",audit="~other"}'
    for (const line of [
      'flowident_rule_packets_total{rule="a",action="drop",audit="false"} 1',
      'flowident_rule_bytes_total{rule="b",action="drop",audit="false"} 200',
      `flowident_rule_packets_total${other} 12`,
      `flowident_rule_dropped_packets_total${other} 12`,
      `flowident_rule_flows_total${other} 2`,
      'flowident_rule_last_hit_seconds{rule="b",action="drop",audit="false"} 2.5',
    ])
      expect(text).toContain(`${line}\n`)
    expect(text).not.toContain('last_hit_seconds{rule="a"')
    expect(text).not.toContain('rule="c"')
  })
})
