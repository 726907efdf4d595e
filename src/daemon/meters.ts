// SPDX-License-Identifier: Apache-2.0
// What is summed for the metrics beside the traffic: connections, and requests where they are measured.
import type { Config } from '../config/schema.js'
import type { Kernel } from '../kernel/kernel.js'
import type { CollectorParts } from '../metrics/collectors.js'
import { Connections } from '../services/connections.js'
import { Requests } from '../services/requests.js'
import type { ResolveRow } from '../services/traffic.js'

export class Meters {
  readonly #kernel: Kernel
  readonly #options: Config['requests']
  readonly #resolve: ResolveRow
  readonly #connections = new Connections()
  readonly #requests = new Requests()

  constructor(kernel: Kernel, options: Config['requests'], resolve: ResolveRow) {
    this.#kernel = kernel
    this.#options = options
    this.#resolve = resolve
  }

  start(): void {
    if (this.#options.enabled) this.#kernel.startRequests(this.#options)
  }

  /** Asks again whose each aggregate is. */
  reassign(): void {
    this.#connections.reassign()
    this.#requests.reassign()
  }

  get parts(): Pick<CollectorParts, 'connections' | 'updateConnections' | 'requests'> {
    return {
      connections: this.#connections,
      updateConnections: async () => this.#connections.update(await this.#kernel.connections(), this.#resolve),
      ...(this.#options.enabled && {
        requests: { sums: this.#requests, update: async () => this.#requests.update(await this.#kernel.requests(), this.#resolve) },
      }),
    }
  }
}
