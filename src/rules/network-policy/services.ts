// SPDX-License-Identifier: Apache-2.0
// Addresses of services: a pod's packets carry them until kube-proxy puts a pod's address in their place, behind the rules.
import { CidrSet } from '../cidr-set.js'
import { addressesOf, type Note, type Term } from './allowed.js'
import type { Cluster, ClusterService, Pod, ServicePort } from './cluster.js'
import { selects } from './labels.js'

interface Backend {
  readonly pod: Pod
  readonly port: number
}

function backendsOf({ pods }: Cluster, service: ClusterService, { target, transport }: ServicePort): Backend[] {
  return pods.flatMap((pod) => {
    if (pod.namespace !== service.namespace || !selects({ labels: service.selector, expressions: [] }, pod.labels)) return []
    const port = typeof target === 'number' ? target : pod.ports.find((each) => each.name === target && each.transport === transport)?.port
    return port === undefined ? [] : [{ pod, port }]
  })
}

const allows = (terms: readonly Term[], transport: number, port: number, to: CidrSet): boolean =>
  CidrSet.union(
    terms.filter((term) => term.transport === transport && term.ports.from <= port && port <= term.ports.to).map(({ peers }) => peers),
  ).holds(to)

export class Services {
  readonly #found: readonly { readonly service: ClusterService; readonly port: ServicePort; readonly backends: readonly Backend[] }[]
  readonly #note: Note
  readonly #told = new Set<string>()

  constructor(cluster: Cluster, note: Note) {
    this.#note = note
    this.#found = cluster.services
      .filter(({ selector, addresses }) => Object.keys(selector).length > 0 && addresses.length > 0)
      .flatMap((service) => service.ports.map((port) => ({ service, port, backends: backendsOf(cluster, service, port) })))
      .filter(({ backends }) => backends.length > 0)
  }

  /** What a pod that may send to `terms` may send to services: to those all of whose pods it may send to. */
  terms(terms: readonly Term[], source: string): Term[] {
    return this.#found.flatMap(({ service, port: { port, transport }, backends }) => {
      const open = backends.filter((backend) => allows(terms, transport, backend.port, addressesOf([backend.pod])))
      if (open.length === backends.length) return [{ transport, ports: { from: port, to: port }, peers: CidrSet.of(service.addresses) }]
      if (open.length > 0) this.#tell(service, port, open.length, backends.length, source)
      return []
    })
  }

  #tell({ namespace, name }: ClusterService, port: number, open: number, all: number, source: string): void {
    const text = `service ${namespace}/${name}, port ${port}: only ${open} of its ${all} pods are allowed to some pods, which cannot reach its address then`
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.#note({ source, text })
  }
}
