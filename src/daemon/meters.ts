// SPDX-License-Identifier: Apache-2.0
// What is summed for the metrics beside the traffic: connections, and requests and resources where they are asked for; and the
// budget that all of it is held to.
import type { Config } from '../config/schema.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import type { CollectorParts } from '../metrics/collectors.js'
import { readUsage } from '../owners/cgroup-usage.js'
import type { Catalog } from '../services/catalog.js'
import { Connections } from '../services/connections.js'
import { Requests } from '../services/requests.js'
import { CpuBudget, parseShare } from './budget.js'

export class Meters {
  readonly #kernel: Kernel
  readonly #config: Config
  readonly #catalog: Catalog
  readonly #cgroup: string | null
  readonly #connections = new Connections()
  readonly #requests = new Requests()
  readonly budget: CpuBudget

  /** `cgroup`: where cgroup2 is mounted. */
  constructor(kernel: Kernel, config: Config, catalog: Catalog, cgroup: string | null, log: Logger) {
    this.#kernel = kernel
    this.#config = config
    this.#catalog = catalog
    this.#cgroup = cgroup
    this.budget = new CpuBudget(kernel, parseShare(config.budget.cpu), log.child({ area: 'budget' }))
  }

  start(): void {
    const { requests } = this.#config
    this.budget.start()
    if (requests.enabled) this.#kernel.startRequests(requests)
  }

  /** Asks again whose each aggregate is. */
  reassign(): void {
    this.#connections.reassign()
    this.#requests.reassign()
  }

  get parts(): Pick<CollectorParts, 'connections' | 'updateConnections' | 'requests' | 'resources'> {
    const { requests, metrics } = this.#config
    const { resolveRow } = this.#catalog
    const cgroup = this.#cgroup
    return {
      connections: this.#connections,
      updateConnections: async () => this.#connections.update(await this.#kernel.connections(), resolveRow),
      ...(requests.enabled && {
        requests: { sums: this.#requests, update: async () => this.#requests.update(await this.#kernel.requests(), resolveRow) },
      }),
      ...(metrics.resources &&
        cgroup !== null && {
          resources: {
            usage: () => readUsage(cgroup, metrics.max_series),
            aggregates: () => this.#kernel.aggregates(),
            services: (cgroups) => this.#catalog.servicesIn(cgroups),
          },
        }),
    }
  }
}
