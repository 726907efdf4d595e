// SPDX-License-Identifier: Apache-2.0
// What containers and units use, under the names that dashboards know from cAdvisor. Labels: id (cgroup), name, kind, pod_uid,
// service (of whoever was seen in it); cpu; interface. Network: what the socket view saw of the cgroup's sockets.
import { AggregateView } from '../flows/aggregate-view.js'
import { AGGREGATE_COUNTER } from '../flows/layout.js'
import { viewName } from '../flows/names.js'
import type { CgroupUsage } from '../owners/cgroup-usage.js'
import type { Collector, Family } from './text.js'

export interface ResourceParts {
  readonly usage: () => Promise<{ readonly cgroups: readonly CgroupUsage[]; readonly leftOut: number }>
  readonly aggregates: () => Promise<ArrayBuffer>
  /** Id of the service that runs in a cgroup. */
  readonly services: (cgroups: ReadonlySet<bigint>) => ReadonlyMap<bigint, string>
}

type Network = Record<'rxBytes' | 'rxPackets' | 'txBytes' | 'txPackets', bigint>

const networkOf = (buffer: ArrayBuffer): ReadonlyMap<bigint, Network> => {
  const sums = new Map<bigint, Network>()
  const view = new AggregateView(buffer)
  for (let i = 0; i < view.count; i++) {
    view.move(i)
    if (viewName(view.view) !== 'socket') continue
    const sum = sums.get(view.cgroup) ?? { rxBytes: 0n, rxPackets: 0n, txBytes: 0n, txPackets: 0n }
    for (const name of ['rxBytes', 'rxPackets', 'txBytes', 'txPackets'] as const) sum[name] += view.value(AGGREGATE_COUNTER[name])
    sums.set(view.cgroup, sum)
  }
  return sums
}

export class ResourcesCollector implements Collector {
  readonly name = 'resources'
  readonly #parts: ResourceParts

  constructor(parts: ResourceParts) {
    this.#parts = parts
  }

  async collect(): Promise<Family[]> {
    const [{ cgroups, leftOut }, buffer] = await Promise.all([this.#parts.usage(), this.#parts.aggregates()])
    const network = networkOf(buffer)
    const services = this.#parts.services(new Set(cgroups.flatMap(({ ids }) => ids)))
    const labelsOf = ({ path, ids, name, kind, podUid }: CgroupUsage) => ({
      id: path,
      name,
      kind,
      pod_uid: podUid ?? '',
      service: ids.map((id) => services.get(id)).find((service) => service !== undefined) ?? '',
    })
    const family = (
      name: string,
      type: Family['type'],
      help: string,
      value: (of: CgroupUsage) => number | bigint | undefined,
      more: Record<string, string> = {},
    ): Family => ({
      name,
      type,
      help,
      samples: cgroups.flatMap((cgroup) => {
        const n = value(cgroup)
        return n === undefined ? [] : [{ labels: { ...labelsOf(cgroup), ...more }, value: n }]
      }),
    })
    const seen = (key: keyof Network) => (of: CgroupUsage) => of.ids.reduce((sum, id) => sum + (network.get(id)?.[key] ?? 0n), 0n)
    const cpu = { cpu: 'total' }
    const sockets = { interface: 'sockets' }
    return [
      family('container_cpu_usage_seconds_total', 'counter', 'CPU time used.', (of) => of.cpuSeconds, cpu),
      family('container_cpu_user_seconds_total', 'counter', 'CPU time used in user space.', (of) => of.cpuUserSeconds),
      family('container_cpu_system_seconds_total', 'counter', 'CPU time used in the kernel.', (of) => of.cpuSystemSeconds),
      family('container_cpu_cfs_throttled_seconds_total', 'counter', 'Time held back by a CPU limit.', (of) => of.throttledSeconds),
      family('container_memory_usage_bytes', 'gauge', 'Memory in use, file cache included.', (of) => of.memoryBytes),
      family('container_memory_working_set_bytes', 'gauge', 'Memory in use without inactive file cache.', (of) => of.workingSetBytes),
      family('container_spec_memory_limit_bytes', 'gauge', 'Memory limit; 0 = none.', (of) => of.memoryLimitBytes),
      family('container_threads', 'gauge', 'Tasks.', (of) => of.tasks),
      family('container_network_receive_bytes_total', 'counter', 'IP bytes that its sockets received.', seen('rxBytes'), sockets),
      family('container_network_receive_packets_total', 'counter', 'IP packets that its sockets received.', seen('rxPackets'), sockets),
      family('container_network_transmit_bytes_total', 'counter', 'IP bytes that its sockets sent.', seen('txBytes'), sockets),
      family('container_network_transmit_packets_total', 'counter', 'IP packets that its sockets sent.', seen('txPackets'), sockets),
      {
        name: 'flowident_cgroups_left_out',
        type: 'gauge',
        help: 'Containers and units beyond metrics.max_series.',
        samples: [{ labels: {}, value: leftOut }],
      },
    ]
  }
}
