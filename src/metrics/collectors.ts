// SPDX-License-Identifier: Apache-2.0
// The collectors of the daemon, in the order of the page.
import { COUNTERS } from '../gen/abi.js'
import type { Attachment, Kernel, MapStats } from '../kernel/kernel.js'
import type { Connections } from '../services/connections.js'
import type { Requests } from '../services/requests.js'
import type { ServiceRegistry } from '../services/registry.js'
import type { Traffic } from '../services/traffic.js'
import { AttachCollector } from './attach.js'
import { BuildCollector, type BuildInfo } from './build.js'
import { ConnectionsCollector } from './connections.js'
import { LossesCollector } from './losses.js'
import { type Fill, MapsCollector } from './maps.js'
import { ProgramsCollector } from './programs.js'
import { RequestsCollector } from './requests.js'
import { type ResourceParts, ResourcesCollector } from './resources.js'
import { ServicesCollector } from './services.js'
import type { Collector } from './text.js'
import { type ExtraLabel, TrafficCollector } from './traffic.js'

export interface CollectorParts {
  readonly kernel: Pick<Kernel, 'counters' | 'labelLosses' | 'maps' | 'programs'>
  readonly build: BuildInfo
  readonly traffic: Traffic
  readonly connections: Connections
  readonly registry: ServiceRegistry
  readonly maxSeries: number
  /** `metrics.labels` of the configuration: those that are always there are left out here. */
  readonly labels: readonly string[]
  readonly updateTraffic: () => Promise<void>
  readonly updateConnections: () => Promise<void>
  /** Left out where requests are not measured. */
  readonly requests?: { readonly sums: Requests; readonly update: () => Promise<void> }
  /** Left out where resources are not shown. */
  readonly resources?: ResourceParts
  readonly attachments: () => readonly Attachment[]
  readonly fills: () => readonly Fill[]
  readonly losses: () => Readonly<Record<string, number>>
}

const EXTRA: readonly string[] = ['kind', 'environment', 'version']

/** Flows of the wire view and of unconnected sockets. */
const tableFlows = (maps: readonly MapStats[]): number =>
  maps.reduce((sum, { name, entries }) => sum + (name === 'fi_flows' || name === 'fi_new' ? entries : 0), 0)

export const daemonCollectors = (parts: CollectorParts): Collector[] => {
  const { kernel, registry, maxSeries } = parts
  const extra = parts.labels.filter((label): label is ExtraLabel => EXTRA.includes(label))
  const losses = () => {
    const { flowsEvicted, bytesDropped, labelsDropped } = kernel.labelLosses()
    return {
      ...parts.losses(),
      label_flows_evicted: Number(flowsEvicted),
      label_bytes_dropped: Number(bytesDropped),
      labels_dropped: Number(labelsDropped),
    }
  }
  // The tables are counted once a page: for what was evicted, then for the maps themselves.
  let read: Promise<readonly MapStats[]> | undefined
  const maps = (): Promise<readonly MapStats[]> => {
    read ??= kernel.maps()
    return read
  }
  const take = (): Promise<readonly MapStats[]> => {
    const all = maps()
    read = undefined
    return all
  }
  const accounted = { packets: () => parts.traffic.packets, tableFlows: async () => tableFlows(await maps()) }
  return [
    new BuildCollector(parts.build),
    new TrafficCollector(parts.traffic, registry, { maxSeries, extra }, parts.updateTraffic),
    new ConnectionsCollector(parts.connections, registry, maxSeries, parts.updateConnections),
    ...(parts.requests ? [new RequestsCollector(parts.requests.sums, registry, parts.requests.update)] : []),
    ...(parts.resources ? [new ResourcesCollector(parts.resources)] : []),
    new ServicesCollector(registry, maxSeries),
    new AttachCollector(parts.attachments),
    new LossesCollector(COUNTERS, () => kernel.counters(), losses, accounted),
    new ProgramsCollector(() => kernel.programs()),
    new MapsCollector(take, parts.fills),
  ]
}
