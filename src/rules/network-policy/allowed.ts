// SPDX-License-Identifier: Apache-2.0
// Whom the policies that select a pod let it talk to: addresses by transport and port.
import type { Mistake } from '../../config/source.js'
import { CidrSet } from '../cidr-set.js'
import type { Range } from '../model.js'
import { spellPath } from '../reader.js'
import type { Cluster, ContainerPort, Pod } from './cluster.js'
import { selects } from './labels.js'
import { type Peer, type Policy, type PolicyPort, type PolicyRule, transportNumbers } from './policy.js'

export type Direction = 'in' | 'out'

/** These peers are allowed at these ports: the pod's own for what comes in, the peer's for what goes out. */
export interface Term {
  readonly transport: number
  readonly ports: Range
  readonly peers: CidrSet
}

export type Note = (mistake: Mistake) => void

export const EVERY_PORT: Range = { from: 0, to: 65_535 }
const transports = Object.values(transportNumbers)

export const addressesOf = (pods: readonly Pod[]): CidrSet => CidrSet.of(pods.flatMap(({ addresses }) => addresses))

/** Is the pod one of those that the policy is for? */
export const isFor = (policy: Policy, pod: Pod): boolean =>
  pod.namespace === policy.namespace && !pod.hostNetwork && selects(policy.pods, pod.labels)

/** Pods that a selector peer means. Those with the node's network have no address of their own: not known to be meant. */
function podsOf(peer: Peer & { kind: 'pods' }, policy: Policy, { pods, namespaces }: Cluster): Pod[] {
  const inside = (namespace: string): boolean =>
    peer.namespaces === undefined ? namespace === policy.namespace : selects(peer.namespaces, namespaces.get(namespace) ?? {})
  return pods.filter((pod) => !pod.hostNetwork && inside(pod.namespace) && (peer.pods === undefined || selects(peer.pods, pod.labels)))
}

const named = ({ ports }: Pod, { name, transport }: PolicyPort): ContainerPort | undefined =>
  ports.find((each) => each.name === name && each.transport === transport)

export class Allowed {
  readonly #cluster: Cluster
  readonly #peersOf = new Map<PolicyRule, CidrSet>()
  readonly #note: (policy: Policy, port: PolicyPort, text: string) => void

  constructor(cluster: Cluster, note: Note) {
    this.#cluster = cluster
    const told = new Set<string>()
    this.#note = (policy, { path }, text) => {
      const whole = `policy ${policy.namespace}/${policy.name}: ${spellPath([...path, 'port'])}: ${text}`
      if (told.has(whole)) return
      told.add(whole)
      note({ source: policy.file, ...policy.place([...path, 'port']), text: whole })
    }
  }

  /** Undefined: no policy isolates the pod in this direction, so everything is allowed. */
  terms(pod: Pod, direction: Direction, policies: readonly Policy[]): Term[] | undefined {
    const isolating = policies.filter((policy) => policy[direction] !== undefined && isFor(policy, pod))
    if (isolating.length === 0) return undefined
    return isolating.flatMap((policy) => (policy[direction] ?? []).flatMap((rule) => this.#ofRule(pod, direction, policy, rule)))
  }

  #ofRule(pod: Pod, direction: Direction, policy: Policy, rule: PolicyRule): Term[] {
    const peers = this.#peers(policy, rule)
    if (rule.ports === undefined) return transports.map((transport) => ({ transport, ports: EVERY_PORT, peers }))
    return rule.ports.flatMap((port): Term[] => {
      if (port.name === undefined) return [{ transport: port.transport, ports: port.range ?? EVERY_PORT, peers }]
      return direction === 'in' ? this.#namedIn(pod, policy, port, peers) : this.#namedOut(policy, rule, port, peers)
    })
  }

  #peers(policy: Policy, rule: PolicyRule): CidrSet {
    const known = this.#peersOf.get(rule)
    if (known) return known
    const made = this.#read(policy, rule)
    this.#peersOf.set(rule, made)
    return made
  }

  #read(policy: Policy, { peers }: PolicyRule): CidrSet {
    if (peers === undefined) return CidrSet.all
    return CidrSet.union(
      peers.map((peer) =>
        peer.kind === 'block' ? CidrSet.of([peer.cidr]).minus(CidrSet.of(peer.except)) : addressesOf(podsOf(peer, policy, this.#cluster)),
      ),
    )
  }

  #namedIn(pod: Pod, policy: Policy, port: PolicyPort, peers: CidrSet): Term[] {
    const found = named(pod, port)
    if (found) return [{ transport: port.transport, ports: { from: found.port, to: found.port }, peers }]
    this.#note(policy, port, `no container of ${pod.namespace}/${pod.name} names a port ${port.name}: nothing is allowed there by it`)
    return []
  }

  /** The name means another number at each peer. */
  #namedOut(policy: Policy, { peers }: PolicyRule, port: PolicyPort, all: CidrSet): Term[] {
    if (peers === undefined || peers.some(({ kind }) => kind === 'block'))
      this.#note(policy, port, `the name ${port.name} means nothing outside of the cluster: allowed at pods only; use a number`)
    const terms = this.#cluster.pods
      .filter(({ hostNetwork }) => !hostNetwork)
      .flatMap((pod): Term[] => {
        const found = named(pod, port)
        const meant = addressesOf([pod]).and(all)
        return found && !meant.isEmpty ? [{ transport: port.transport, ports: { from: found.port, to: found.port }, peers: meant }] : []
      })
    if (terms.length === 0) this.#note(policy, port, `no pod that is meant names a port ${port.name}: nothing is allowed by it`)
    return terms
  }
}
