// SPDX-License-Identifier: Apache-2.0
// Flows with all that is known of them: record, labels, owner, service. The service of a flow is worked out once and kept
// as the flow's tag; owners of aggregates are learned from the flows that are seen.
import type { AggregateView } from '../flows/aggregate-view.js'
import type { OwnerRecord } from '../flows/decode.js'
import type { InterfaceNames } from '../kernel/interfaces.js'
import { type FlowJson, flowToJson } from '../flows/json.js'
import { protocolName } from '../flows/protocols.js'
import { viewName } from '../flows/names.js'
import type { FlowFacts } from '../flows/query.js'
import { RecordView } from '../flows/record-view.js'
import type { FlowTable } from '../flows/table.js'
import { twins } from '../flows/twins.js'
import type { OwnerFacts } from '../owners/facts.js'
import type { Identifier } from './identify.js'
import { type ServiceRegistry, UNKNOWN_INDEX } from './registry.js'
import { SeenOwners } from './seen-owners.js'
import { type Service, UNKNOWN } from './service.js'
import type { ResolveRow } from './traffic.js'

export interface OwnerResolver {
  resolve(owner: OwnerRecord): OwnerFacts
}

export interface CatalogParts {
  readonly table: FlowTable
  readonly owners: OwnerResolver
  identifier: Identifier
  readonly registry: ServiceRegistry
  readonly interfaces: InterfaceNames
  /** Milliseconds to add to record times to get those of the wall clock, now. */
  readonly epochMs: () => number
}

const OWNERS = 16_384
const TWINS = 4

const ownerKey = (of: { cgroup: bigint; exeIno: bigint; exeDev: number; uid: number }): string =>
  `${of.cgroup}/${of.exeIno}/${of.exeDev}/${of.uid}`

/** What the name of a service is taken from is there; else it may turn up yet. */
const whole = (owner: OwnerFacts): boolean => owner.exePath !== undefined

export class Catalog {
  readonly #parts: CatalogParts
  readonly #owners = new Map<string, { readonly record: OwnerRecord; readonly facts: OwnerFacts }>()
  readonly #seen = new SeenOwners()
  readonly #view = new RecordView()
  readonly #twin = new RecordView()

  constructor(parts: CatalogParts) {
    this.#parts = { ...parts }
    parts.table.onOwner((slot) => {
      const view = parts.table.view(slot, this.#view)
      if (!this.#seen.add(view)) this.learn(view.owner())
    })
  }

  get table(): FlowTable {
    return this.#parts.table
  }
  interfaceName(index: number): string | undefined {
    return this.#parts.interfaces.name(index)
  }
  get registry(): ServiceRegistry {
    return this.#parts.registry
  }

  /** Other rules from now on. */
  setIdentifier(identifier: Identifier): void {
    this.#parts.identifier = identifier
    this.table.clearTags()
  }

  /**
   * Remembers who owns what is aggregated under this cgroup, executable and user: of several processes the one that was
   * started last. The newest are kept.
   */
  learn(owner: OwnerRecord): void {
    const key = ownerKey(owner)
    const known = this.#owners.get(key)
    // Only later starts count, so that workers which take turns are not resolved with every flow.
    if (known && known.record.startNs >= owner.startNs) return
    // Resolved at once: the process may be gone by the next scrape.
    const facts = this.#parts.owners.resolve(owner)
    // Gone already: the one before it says more.
    if (known && whole(known.facts) && !whole(facts)) return
    this.#owners.delete(key)
    this.#owners.set(key, { record: owner, facts })
    if (this.#owners.size > OWNERS) {
      const oldest = this.#owners.keys().next()
      if (!oldest.done) this.#owners.delete(oldest.value)
      this.#seen.clear() // it may come back
    }
  }

  /** For Traffic: the service of a kernel aggregate. */
  readonly resolveRow: ResolveRow = (row: AggregateView) => {
    const { identifier, registry } = this.#parts
    if (viewName(row.view) !== 'socket') return { service: UNKNOWN_INDEX, final: true }
    const known = this.#owners.get(ownerKey(row))
    if (!known) return { service: UNKNOWN_INDEX, final: false }
    const owner = whole(known.facts) ? known.facts : this.#parts.owners.resolve(known.record)
    const service = identifier.identify({ owner, protocol: protocolName(row.protocol) })
    return { service: registry.intern(service), final: whole(owner) }
  }

  /** The service that was seen in each of these cgroups; of several the first. */
  servicesIn(cgroups: ReadonlySet<bigint>): ReadonlyMap<bigint, string> {
    const found = new Map<bigint, string>()
    for (const { record, facts } of this.#owners.values())
      if (cgroups.has(record.cgroup) && !found.has(record.cgroup))
        found.set(record.cgroup, this.#parts.identifier.identify({ owner: facts }).id)
    return found
  }

  /** Facts of the flow in a slot; `view` is moved there and must stay until the facts are no longer used. */
  facts(slot: number, view: RecordView): FlowFacts {
    const { table, interfaces } = this.#parts
    table.view(slot, view)
    return {
      view,
      labels: () => table.labels(slot),
      owner: () => this.#owner(view),
      service: () => this.service(slot),
      interfaceName: () => interfaces.name(view.ifindex),
    }
  }

  /** Owner of the flow in a slot; a flow on the wire has that of the local socket with the same addresses. */
  owner(slot: number): OwnerFacts | undefined {
    return this.#owner(this.#parts.table.view(slot, this.#view))
  }

  service(slot: number): Service | undefined {
    const { table, registry, identifier } = this.#parts
    const tag = table.tag(slot)
    if (tag !== 0) return registry.get(tag)
    const view = table.view(slot, this.#view)
    const owner = this.#owner(view)
    if (!owner && viewName(view.view) === 'replay') return undefined
    const labels = table.labels(slot)
    const role = view.role
    const index = registry.intern(
      identifier.identify({
        owner,
        protocol: view.depth ? protocolName(view.protocol) : undefined,
        port: role === 'server' ? view.port(view.destination) : undefined,
        host: labels?.get('http.host') ?? labels?.get('tls.sni'),
      }),
    )
    // An owner may still turn up; and while the protocol is open, so is the answer of a rule about protocols.
    if (owner && whole(owner) && view.depth) table.setTag(slot, index)
    return registry.get(index)
  }

  /** The owner of the newest flow of a service, and the configuration files that a rule names for it. */
  behind(id: string): { readonly owner: OwnerFacts; readonly files: readonly string[] } | undefined {
    const { table, identifier } = this.#parts
    for (let slot = table.end - 1; slot >= 0; slot--) {
      const owner = table.present(slot) && this.service(slot)?.id === id ? this.owner(slot) : undefined
      if (owner) return { owner, files: identifier.files({ owner }) }
    }
    for (const { facts: owner } of [...this.#owners.values()].reverse())
      if (identifier.identify({ owner }).id === id) return { owner, files: identifier.files({ owner }) }
    return undefined
  }

  json(slot: number): FlowJson {
    const { table, interfaces, epochMs } = this.#parts
    const found = this.service(slot)
    const service = found === UNKNOWN ? undefined : found
    const view = table.view(slot, this.#view)
    const interfaceName = interfaces.name(view.ifindex)
    const owner = this.#owner(view)
    return flowToJson(view, table.labels(slot), { epochMs: epochMs(), owner, service, interfaceName })
  }

  #owner(view: RecordView): OwnerFacts | undefined {
    const { table, owners } = this.#parts
    if (view.owned) return owners.resolve(view.owner())
    if (viewName(view.view) !== 'wire') return undefined
    for (const slot of twins(table, view, TWINS)) {
      const twin = table.view(slot, this.#twin)
      if (twin.owned) return owners.resolve(twin.owner())
    }
    return undefined
  }
}
