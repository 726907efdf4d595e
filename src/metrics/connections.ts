// SPDX-License-Identifier: Apache-2.0
// TCP connections per service: errors, retransmissions, round trip, time to connect. Labels: service, protocol, role; error.
// From the kernel's aggregates: a sample of round trip and set-up for each ended connection, errors and retransmissions as they
// happen. Bounded as the traffic is, see budget.ts.
import { CONNECTION, CONNECTION_BOUNDS_US, CONNECTION_ERRORS } from '../flows/layout.js'
import type { Connections, ConnectionSeries } from '../services/connections.js'
import type { ServiceRegistry } from '../services/registry.js'
import { OTHER } from '../services/service.js'
import { Budget } from './budget.js'
import { type Collector, type Family, histogram, type Sample } from './text.js'

const BOUNDS = CONNECTION_BOUNDS_US.map((us) => us / 1e6)
/** Lines of one histogram: its buckets, sum and count. */
const LINES = BOUNDS.length + 3

interface Row {
  readonly labels: Readonly<Record<string, string>>
  readonly words: Float64Array
}

const weight = ({ words }: ConnectionSeries): number => words.reduce((sum, word) => sum + word, 0)

export class ConnectionsCollector implements Collector {
  readonly name = 'connections'
  readonly #connections: Connections
  readonly #registry: ServiceRegistry
  readonly #update: () => Promise<void>
  readonly #budget: Budget<ConnectionSeries>

  /** `update` brings the connections up to date; each scrape calls it. */
  constructor(connections: Connections, registry: ServiceRegistry, maxSeries: number, update: () => Promise<void>) {
    this.#connections = connections
    this.#registry = registry
    this.#update = update
    this.#budget = new Budget(Math.floor(maxSeries / LINES) - 1)
  }

  async collect(): Promise<Family[]> {
    await this.#update()
    return this.#families(this.#rows())
  }

  #rows(): Row[] {
    const { shown, rest } = this.#budget.split(this.#connections.series, weight)
    const rows: Row[] = shown.map(({ service, protocol, role, words }) => ({
      labels: { service: this.#registry.get(service)?.id ?? OTHER.id, protocol, role: role ?? 'none' },
      words,
    }))
    if (rest.length > 0) {
      const words = new Float64Array(CONNECTION.words)
      for (const series of rest) for (const [i, word] of series.words.entries()) words[i]! += word
      rows.push({ labels: { service: OTHER.id, protocol: OTHER.id, role: OTHER.id }, words })
    }
    return rows
  }

  #families(rows: readonly Row[]): Family[] {
    const times = (at: number): Sample[] =>
      rows.flatMap(({ labels, words }) => [...histogram(labels, BOUNDS, words.subarray(at + 1, at + 2 + BOUNDS.length), words[at]! / 1e6)])
    return [
      {
        name: 'flowident_connection_errors_total',
        type: 'counter',
        help: 'TCP connections that failed or broke: refused, reset by the other end, aborted by this one, timeout, unreachable.',
        samples: rows.flatMap(({ labels, words }) =>
          CONNECTION_ERRORS.map((error, i) => ({ labels: { ...labels, error }, value: words[CONNECTION.errors + i]! })),
        ),
      },
      {
        name: 'flowident_tcp_retransmits_total',
        type: 'counter',
        help: 'TCP segments that were sent again.',
        samples: rows.map(({ labels, words }) => ({ labels, value: words[CONNECTION.retransmits]! })),
      },
      {
        name: 'flowident_tcp_rtt_seconds',
        type: 'histogram',
        help: 'Smoothed round trip time of TCP connections, at their end.',
        samples: times(CONNECTION.rtt),
      },
      {
        name: 'flowident_connection_setup_seconds',
        type: 'histogram',
        help: 'Time until a TCP connection was established: of a client from its SYN, of a server from its SYN-ACK.',
        samples: times(CONNECTION.setup),
      },
    ]
  }
}
