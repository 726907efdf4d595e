// SPDX-License-Identifier: Apache-2.0
// Clusters and NetworkPolicy objects as kubectl writes them, random ones too, and what such objects mean as plainly as it can be
// said: one policy, one rule, one peer, one port after the other, with nothing of src/rules/network-policy.
import type { Random } from './rule-worlds.js'

export interface PodObject {
  kind: 'Pod'
  metadata: { name: string; namespace: string; labels: Record<string, string> }
  spec: { nodeName: string; hostNetwork?: boolean; containers: { ports: { name: string; containerPort: number; protocol: string }[] }[] }
  status: { phase: string; hostIP: string; podIP: string; podIPs: { ip: string }[] }
}
export interface NamespaceObject {
  kind: 'Namespace'
  metadata: { name: string; labels: Record<string, string> }
}
interface SelectorObject {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}
interface PeerObject {
  podSelector?: SelectorObject
  namespaceSelector?: SelectorObject
  ipBlock?: { cidr: string; except?: string[] }
}
interface RuleObject {
  from?: PeerObject[]
  to?: PeerObject[]
  ports?: { protocol?: string; port?: number | string; endPort?: number }[]
}
export interface PolicyObject {
  apiVersion: 'networking.k8s.io/v1'
  kind: 'NetworkPolicy'
  metadata: { name: string; namespace: string }
  spec: { podSelector: SelectorObject; policyTypes?: string[]; ingress?: RuleObject[]; egress?: RuleObject[] }
}
export interface World {
  pods: PodObject[]
  namespaces: NamespaceObject[]
}

export const HERE = 'node-a'
const HOSTS: Readonly<Record<string, string>> = { 'node-a': '10.0.0.1', 'node-b': '10.0.0.2' }

export const pod = (
  name: string,
  namespace: string,
  labels: Record<string, string>,
  ips: string[],
  { node = HERE, ports = [] as { name: string; containerPort: number; protocol: string }[], hostNetwork = false } = {},
): PodObject => ({
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: { nodeName: node, ...(hostNetwork && { hostNetwork }), containers: [{ ports }] },
  status: { phase: 'Running', hostIP: HOSTS[node] ?? '', podIP: ips[0] ?? '', podIPs: ips.map((ip) => ({ ip })) },
})
export const namespace = (name: string, labels: Record<string, string> = {}): NamespaceObject => ({
  kind: 'Namespace',
  metadata: { name, labels },
})

const selected = ({ matchLabels = {}, matchExpressions = [] }: SelectorObject, labels: Record<string, string>): boolean => {
  for (const [key, value] of Object.entries(matchLabels)) if (labels[key] !== value) return false
  for (const { key, operator, values = [] } of matchExpressions) {
    const value = labels[key]
    if (operator === 'In' && (value === undefined || !values.includes(value))) return false
    if (operator === 'NotIn' && value !== undefined && values.includes(value)) return false
    if (operator === 'Exists' && value === undefined) return false
    if (operator === 'DoesNotExist' && value !== undefined) return false
  }
  return true
}

const bits = (address: string): string => {
  if (!address.includes(':'))
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(zeros).fill('0'), ...right]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('')
}
const within = (address: string, cidr: string): boolean => {
  const [net = '', length] = cidr.split('/')
  return address.includes(':') === net.includes(':') && bits(address).slice(0, Number(length)) === bits(net).slice(0, Number(length))
}

const owner = ({ pods }: World, address: string): PodObject | undefined =>
  pods.find(({ status, spec }) => spec.hostNetwork !== true && status.podIPs.some(({ ip }) => ip === address))

function meant(world: World, policy: PolicyObject, peer: PeerObject, address: string): boolean {
  if (peer.ipBlock) return within(address, peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some((each) => within(address, each))
  const found = owner(world, address)
  if (!found) return false
  const space = world.namespaces.find(({ metadata }) => metadata.name === found.metadata.namespace)?.metadata.labels ?? {}
  const labels = { ...space, 'kubernetes.io/metadata.name': found.metadata.namespace }
  const rightSpace = peer.namespaceSelector
    ? selected(peer.namespaceSelector, labels)
    : found.metadata.namespace === policy.metadata.namespace
  return rightSpace && (peer.podSelector === undefined || selected(peer.podSelector, found.metadata.labels))
}

/** `server`: the pod that has the port, where a name is to be looked up. */
function portMeant(ports: RuleObject['ports'], protocol: string, port: number, server: PodObject | undefined): boolean {
  if (ports === undefined || ports.length === 0) return true
  return ports.some((each) => {
    if ((each.protocol ?? 'TCP') !== protocol) return false
    if (each.port === undefined) return true
    if (typeof each.port === 'number') return port >= each.port && port <= (each.endPort ?? each.port)
    const named = server?.spec.containers
      .flatMap((container) => container.ports)
      .find((p) => p.name === each.port && p.protocol === protocol)
    return named?.containerPort === port
  })
}

/** May the pod open a connection with `peer` (`in`: be asked for one)? */
function open(
  world: World,
  policies: PolicyObject[],
  way: 'in' | 'out',
  self: PodObject,
  peer: string,
  protocol: string,
  port: number,
): boolean {
  if (peer === self.status.hostIP) return true
  const [key, type] = way === 'in' ? (['ingress', 'Ingress'] as const) : (['egress', 'Egress'] as const)
  const isolating = policies.filter(({ metadata, spec }) => {
    const types = spec.policyTypes ?? ['Ingress', ...(spec.egress && spec.egress.length > 0 ? ['Egress'] : [])]
    return metadata.namespace === self.metadata.namespace && types.includes(type) && selected(spec.podSelector, self.metadata.labels)
  })
  if (isolating.length === 0) return true
  return isolating.some((policy) =>
    (policy.spec[key] ?? []).some((rule) => {
      const peers = way === 'in' ? rule.from : rule.to
      const server = way === 'in' ? self : owner(world, peer)
      if (peers !== undefined && peers.length > 0 && !peers.some((each) => meant(world, policy, each, peer))) return false
      if (!portMeant(rule.ports, protocol, port, server)) return false
      return true
    }),
  )
}

/** May a connection be opened, as far as the pods of this node decide? */
export function mayTalk(world: World, policies: PolicyObject[], from: string, to: string, protocol: string, port: number): boolean {
  const local = (address: string) => {
    const found = owner(world, address)
    return found?.spec.nodeName === HERE ? found : undefined
  }
  const [source, target] = [local(from), local(to)]
  return (
    (!source || open(world, policies, 'out', source, to, protocol, port)) &&
    (!target || open(world, policies, 'in', target, from, protocol, port))
  )
}

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T
const NAMES = ['a', 'b', 'c']
const APPS = ['web', 'api', 'db']
const TIERS = ['x', 'y']
const NAMED = [
  { name: 'http', containerPort: 8080, protocol: 'TCP' },
  { name: 'dns', containerPort: 53, protocol: 'UDP' },
  { name: 'http', containerPort: 9090, protocol: 'TCP' },
]

export function randomWorld(random: Random): World {
  const labels = () => ({ ...(random(4) > 0 && { app: pick(random, APPS) }), ...(random(2) > 0 && { tier: pick(random, TIERS) }) })
  const pods = Array.from({ length: 4 + random(8) }, (_, i) =>
    pod(
      `p${i}`,
      pick(random, NAMES),
      labels() as Record<string, string>,
      [`10.1.${random(2)}.${i + 1}`, `fd00::${i + 1}`].slice(0, 1 + random(2)),
      {
        node: random(3) > 0 ? HERE : 'node-b',
        ports: NAMED.filter(() => random(2) > 0).slice(0, 2),
      },
    ),
  )
  return { pods, namespaces: NAMES.map((name) => namespace(name, random(2) > 0 ? { team: pick(random, TIERS) } : {})) }
}

function randomSelector(random: Random, key: string, values: readonly string[]): SelectorObject {
  const kind = random(6)
  if (kind === 0) return {}
  if (kind <= 2) return { matchLabels: { [key]: pick(random, values) } }
  if (kind === 3)
    return { matchExpressions: [{ key, operator: pick(random, ['In', 'NotIn']), values: [pick(random, values), pick(random, values)] }] }
  if (kind === 4) return { matchExpressions: [{ key, operator: pick(random, ['Exists', 'DoesNotExist']) }] }
  return { matchLabels: { tier: pick(random, TIERS) }, matchExpressions: [{ key, operator: 'In', values: [pick(random, values)] }] }
}

function randomPeer(random: Random): PeerObject {
  if (random(3) === 0)
    return {
      ipBlock: pick(random, [
        { cidr: '0.0.0.0/0' },
        { cidr: '::/0', except: ['fd00::/124'] },
        { cidr: '10.1.0.0/16', except: ['10.1.0.0/29', '10.1.1.4/30'] },
        { cidr: '10.1.1.0/24' },
        { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] },
        { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] },
      ]),
    }
  const spaces =
    random(2) === 0
      ? {
          namespaceSelector:
            random(2) === 0 ? randomSelector(random, 'team', TIERS) : randomSelector(random, 'kubernetes.io/metadata.name', NAMES),
        }
      : {}
  return { ...spaces, ...((random(2) === 0 || !('namespaceSelector' in spaces)) && { podSelector: randomSelector(random, 'app', APPS) }) }
}

export const PORTS = [53, 80, 443, 8080, 8081, 9090, 32_000]
function randomRule(random: Random, key: 'from' | 'to'): RuleObject {
  const some = <T>(make: () => T): T[] => Array.from({ length: 1 + random(3) }, make)
  const port = () => {
    const protocol = pick(random, ['TCP', 'TCP', 'UDP', 'SCTP', undefined])
    const kind = random(5)
    const number = pick(random, PORTS)
    return {
      ...(protocol && { protocol }),
      ...(kind === 0
        ? {}
        : kind === 1
          ? { port: pick(random, ['http', 'dns']) }
          : kind === 2
            ? { port: number, endPort: number + random(2000) }
            : { port: number }),
    }
  }
  return { ...(random(4) > 0 && { [key]: some(() => randomPeer(random)) }), ...(random(3) > 0 && { ports: some(port) }) }
}

export function randomPolicies(random: Random): PolicyObject[] {
  return Array.from({ length: 1 + random(5) }, (_, i) => {
    const list = (key: 'from' | 'to') => Array.from({ length: random(4) }, () => randomRule(random, key))
    const types = pick(random, [undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']])
    return {
      apiVersion: 'networking.k8s.io/v1' as const,
      kind: 'NetworkPolicy' as const,
      metadata: { name: `policy-${i}`, namespace: pick(random, NAMES) },
      spec: {
        podSelector: randomSelector(random, 'app', APPS),
        ...(types && { policyTypes: types }),
        ...(random(4) > 0 && { ingress: list('from') }),
        ...(random(4) > 0 && { egress: list('to') }),
      },
    }
  })
}
