// SPDX-License-Identifier: Apache-2.0
// flowident_service_info: for joins. Labels: service (its id), name, version, environment, kind.
import type { ServiceRegistry } from '../services/registry.js'
import type { Collector, Family } from './text.js'

export class ServicesCollector implements Collector {
  readonly name = 'services'
  readonly #registry: ServiceRegistry
  readonly #most: number

  constructor(registry: ServiceRegistry, most: number) {
    this.#registry = registry
    this.#most = most
  }

  collect(): Family[] {
    const samples = []
    for (const { service } of this.#registry.all()) {
      if (samples.length >= this.#most) break
      const { id, name, version = '', environment = '', kind } = service
      samples.push({ labels: { service: id, name, version, environment, kind }, value: 1 })
    }
    return [
      { name: 'flowident_service_info', type: 'gauge', help: 'Services seen; always 1.', samples },
      {
        name: 'flowident_services_folded_total',
        type: 'counter',
        help: 'Flows and aggregates counted as ~other because too many services were seen.',
        samples: [{ labels: {}, value: this.#registry.folded }],
      },
    ]
  }
}
