// SPDX-License-Identifier: Apache-2.0
// Durations of requests. Labels: service, role; HTTP: method, status (class, or none), host, route; DNS: type, code; Redis: command, status. The addon bounds
// how many series there are, see native/request_meter.h.
import type { ServiceRegistry } from '../services/registry.js'
import { REQUEST_BOUNDS, type RequestKind, type Requests, type RequestSeries } from '../services/requests.js'
import { OTHER } from '../services/service.js'
import { type Collector, type Family, histogram } from './text.js'

const LABELS = { http: ['method', 'status', 'host', 'route'], dns: ['type', 'code'], redis: ['command', 'status'] } as const

export class RequestsCollector implements Collector {
  readonly name = 'requests'
  readonly #requests: Requests
  readonly #registry: ServiceRegistry
  readonly #update: () => Promise<void>

  /** `update` brings the requests up to date; each scrape calls it. */
  constructor(requests: Requests, registry: ServiceRegistry, update: () => Promise<void>) {
    this.#requests = requests
    this.#registry = registry
    this.#update = update
  }

  async collect(): Promise<Family[]> {
    await this.#update()
    const all = this.#requests.series
    const samples = (kind: RequestKind) => all.filter((series) => series.kind === kind).flatMap((series) => [...this.#histogram(series)])
    return [
      {
        name: 'flowident_http_request_duration_seconds',
        type: 'histogram',
        help: 'Time from the first byte of an HTTP/1 request to the last of its answer, as its end of the connection saw them.',
        samples: samples('http'),
      },
      {
        name: 'flowident_dns_request_duration_seconds',
        type: 'histogram',
        help: 'Time from a DNS question over UDP to its answer; code none: there was none in five seconds.',
        samples: samples('dns'),
      },
      {
        name: 'flowident_redis_request_duration_seconds',
        type: 'histogram',
        help: 'Time from the first byte of a Redis command to the last of its reply; status none: there was none.',
        samples: samples('redis'),
      },
      {
        name: 'flowident_requests_lost_total',
        type: 'counter',
        help: 'What of requests could not be measured, by cause.',
        samples: Object.entries(this.#requests.losses).map(([cause, value]) => ({ labels: { cause }, value })),
      },
    ]
  }

  #histogram({ kind, service, role, words, sumNs, buckets }: RequestSeries) {
    const labels: Record<string, string> = { service: this.#registry.get(service)?.id ?? OTHER.id, role: role ?? 'none' }
    for (const [i, name] of LABELS[kind].entries()) labels[name] = words[i] ?? ''
    return histogram(labels, REQUEST_BOUNDS, buckets, sumNs / 1e9)
  }
}
