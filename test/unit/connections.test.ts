// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { AGGREGATE, CONNECTION, CONNECTION_BOUNDS_US } from '../../src/flows/layout.js'
import { protocolByName } from '../../src/gen/protocols.js'
import { ConnectionsCollector } from '../../src/metrics/connections.js'
import { renderFamily } from '../../src/metrics/text.js'
import { Connections } from '../../src/services/connections.js'
import { ServiceRegistry } from '../../src/services/registry.js'

interface Spec {
  exe: number
  words: Record<number, number>
}

/** What kernel.connections() gives. */
const bytes = (specs: readonly Spec[]): ArrayBuffer => {
  const buffer = new ArrayBuffer(specs.length * CONNECTION.size)
  const data = new DataView(buffer)
  for (const [i, { exe, words }] of specs.entries()) {
    const at = i * CONNECTION.size
    data.setBigUint64(at + AGGREGATE.exeIno, BigInt(exe), true)
    data.setUint16(at + AGGREGATE.protocol, protocolByName('ssh')?.id ?? 0, true)
    data.setUint8(at + AGGREGATE.l4, 6)
    data.setUint8(at + AGGREGATE.role, 1)
    data.setUint8(at + AGGREGATE.view, 1)
    for (const [word, value] of Object.entries(words)) data.setBigUint64(at + CONNECTION.values + 8 * Number(word), BigInt(value), true)
  }
  return buffer
}

const setup = (maxSeries = 2000) => {
  const registry = new ServiceRegistry()
  const connections = new Connections()
  const collector = new ConnectionsCollector(connections, registry, maxSeries, async () => undefined)
  const take = (specs: readonly Spec[], final = true) =>
    connections.update(bytes(specs), (row) => ({
      service: registry.intern({ id: `s${row.exeIno}`, name: 's', kind: 'process', reason: 'test' }),
      final,
    }))
  const page = async () => (await collector.collect()).map((family) => renderFamily(family, false)).join('')
  return { take, page }
}
const { errors, retransmits, rtt } = CONNECTION

describe('connections', () => {
  it('become counters and cumulated buckets in seconds', async () => {
    const { take, page } = setup()
    take([{ exe: 7, words: { [errors + 1]: 2, [retransmits]: 9, [rtt]: 3_000_060, [rtt + 1]: 4, [rtt + 2]: 1, [rtt + 16]: 1 } }])
    const text = await page()
    const labels = 'service="s7",protocol="ssh",role="client"'
    expect(text).toContain(`flowident_connection_errors_total{${labels},error="reset"} 2\n`)
    expect(text).toContain(`flowident_connection_errors_total{${labels},error="refused"} 0\n`)
    expect(text).toContain(`flowident_tcp_retransmits_total{${labels}} 9\n`)
    expect(text).toContain(`flowident_tcp_rtt_seconds_bucket{${labels},le="0.00005"} 4\n`)
    expect(text).toContain(`flowident_tcp_rtt_seconds_bucket{${labels},le="0.0001"} 5\n`)
    expect(text).toContain(`flowident_tcp_rtt_seconds_bucket{${labels},le="5"} 5\n`)
    expect(text).toContain(`flowident_tcp_rtt_seconds_bucket{${labels},le="+Inf"} 6\n`)
    expect(text).toContain(`flowident_tcp_rtt_seconds_sum{${labels}} 3.00006\n`)
    expect(text).toContain(`flowident_tcp_rtt_seconds_count{${labels}} 6\n`)
    expect(CONNECTION_BOUNDS_US).toHaveLength(15)
  })
  it('count what came since the last reading, once, and never fall', async () => {
    const { take, page } = setup()
    for (const n of [5, 5, 3, 8]) take([{ exe: 7, words: { [retransmits]: n } }])
    expect(await page()).toContain('flowident_tcp_retransmits_total{service="s7",protocol="ssh",role="client"} 8\n')
  })
  it('beyond the budget are summed exactly, and stay there', async () => {
    const { take, page } = setup(60) // lines for two services and ~other
    const total = async () =>
      [...(await page()).matchAll(/^flowident_tcp_retransmits_total\{service="([^"]+)".* (\d+)$/gm)].map(([, name, n]) => [name, Number(n)])
    take(Array.from({ length: 10 }, (_, i) => ({ exe: i + 1, words: { [retransmits]: i + 1 } })))
    expect(await total()).toEqual([
      ['s10', 10],
      ['s9', 9],
      ['~other', 36],
    ])
    take(Array.from({ length: 10 }, (_, i) => ({ exe: i + 1, words: { [retransmits]: i === 0 ? 1000 : i + 1 } })))
    expect(await total()).toEqual([
      ['s10', 10],
      ['s9', 9],
      ['~other', 1035],
    ])
  })
})
