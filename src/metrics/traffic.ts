// SPDX-License-Identifier: Apache-2.0
// Traffic per service. Labels: service, protocol, transport, role, view, and direction (rx or tx, seen from the local socket;
// on the wire, from the host); those of `metrics.labels` in addition: kind, environment, version.
// Bounded: the first services to come, those with most traffic first, have series of their own; the rest is summed exactly in
// `~other`. A series that was shown stays, so that no counter ever falls.
import type { ServiceRegistry } from '../services/registry.js'
import { OTHER } from '../services/service.js'
import type { Series, Traffic } from '../services/traffic.js'
import type { Collector, Family, Sample } from './text.js'

export type ExtraLabel = 'kind' | 'environment' | 'version'

export interface TrafficOptions {
  /** Series per family. */
  readonly maxSeries: number
  readonly extra: readonly ExtraLabel[]
}

const weight = (series: Series): bigint => series.rxBytes + series.txBytes

interface Row {
  readonly labels: Readonly<Record<string, string>>
  opened: bigint
  active: number
  rxPackets: bigint
  rxBytes: bigint
  txPackets: bigint
  txBytes: bigint
}

export class TrafficCollector implements Collector {
  readonly name = 'traffic'
  readonly #traffic: Traffic
  readonly #registry: ServiceRegistry
  readonly #options: TrafficOptions
  readonly #rooms: number
  readonly #labels = new Map<Series, Readonly<Record<string, string>>>()
  readonly #update: () => Promise<void>
  #overflowed = false

  /** `update` brings the traffic up to date; each scrape calls it. */
  constructor(traffic: Traffic, registry: ServiceRegistry, options: TrafficOptions, update: () => Promise<void>) {
    this.#traffic = traffic
    this.#registry = registry
    this.#options = options
    this.#update = update
    // rx and tx are two series; three are kept for ~other, one for each view.
    this.#rooms = Math.max(1, Math.floor(options.maxSeries / 2) - 3)
  }

  async collect(): Promise<Family[]> {
    await this.#update()
    return this.#families(this.#rows())
  }

  #labelsOf(series: Series): Record<string, string> {
    const service = this.#registry.get(series.service)
    const labels: Record<string, string> = {
      service: service?.id ?? OTHER.id,
      protocol: series.protocol,
      transport: series.transport,
      role: series.role ?? 'none',
      view: series.view,
    }
    for (const name of this.#options.extra) labels[name] = service?.[name] ?? ''
    return labels
  }

  #otherLabels(view: string): Record<string, string> {
    const labels: Record<string, string> = { service: OTHER.id, protocol: OTHER.id, transport: OTHER.id, role: OTHER.id, view }
    for (const name of this.#options.extra) labels[name] = OTHER.id
    return labels
  }

  #rows(): Row[] {
    const waiting = this.#traffic.series.filter((series) => !this.#labels.has(series))
    const free = this.#rooms - this.#labels.size
    if (waiting.length > free) waiting.sort((a, b) => (weight(b) > weight(a) ? 1 : -1))
    // Once series are in ~other they stay there: taking them out would make it fall.
    if (!this.#overflowed) {
      for (const series of waiting.slice(0, free)) this.#labels.set(series, this.#labelsOf(series))
      this.#overflowed = waiting.length > free
    }
    const rows: Row[] = []
    const others = new Map<string, Row>()
    for (const series of this.#traffic.series) {
      const labels = this.#labels.get(series)
      if (labels) {
        rows.push({ ...series, labels })
        continue
      }
      let other = others.get(series.view)
      if (!other) {
        other = { labels: this.#otherLabels(series.view), opened: 0n, active: 0, rxPackets: 0n, rxBytes: 0n, txPackets: 0n, txBytes: 0n }
        others.set(series.view, other)
      }
      other.opened += series.opened
      other.active += series.active
      other.rxPackets += series.rxPackets
      other.rxBytes += series.rxBytes
      other.txPackets += series.txPackets
      other.txBytes += series.txBytes
    }
    return [...rows, ...others.values()]
  }

  #families(rows: readonly Row[]): Family[] {
    const both = (rx: 'rxBytes' | 'rxPackets', tx: 'txBytes' | 'txPackets'): Sample[] =>
      rows.flatMap((row) => [
        { labels: { ...row.labels, direction: 'rx' }, value: row[rx] },
        { labels: { ...row.labels, direction: 'tx' }, value: row[tx] },
      ])
    return [
      {
        name: 'flowident_flows_opened_total',
        type: 'counter',
        help: 'Flows that were opened and identified, or given up as unknown.',
        samples: rows.map(({ labels, opened }) => ({ labels, value: opened })),
      },
      {
        name: 'flowident_flows_active',
        type: 'gauge',
        help: 'Flows that are open now.',
        samples: rows.map(({ labels, active }) => ({ labels, value: active })),
      },
      { name: 'flowident_bytes_total', type: 'counter', help: 'IP bytes, headers included.', samples: both('rxBytes', 'txBytes') },
      {
        name: 'flowident_packets_total',
        type: 'counter',
        help: 'IP packets; segments count one each.',
        samples: both('rxPackets', 'txPackets'),
      },
      {
        name: 'flowident_pending_bytes',
        type: 'gauge',
        help: 'IP bytes of flows that are still being looked at; they are added to flowident_bytes_total when that is done.',
        samples: [{ labels: {}, value: this.#traffic.pendingBytes < 0n ? 0n : this.#traffic.pendingBytes }],
      },
    ]
  }
}
