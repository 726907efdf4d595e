// SPDX-License-Identifier: Apache-2.0
// What policies select from: pods, namespaces and services as `kubectl get pods,ns,svc -A -o json` writes them.
import { FlowidentError } from '../../errors.js'
import type { Cidr } from '../model.js'
import { parseCidr } from '../values.js'
import type { Labels } from './labels.js'
import { transportNumbers } from './policy.js'

export interface ContainerPort {
  readonly name: string | undefined
  readonly port: number
  readonly transport: number
}

export interface Pod {
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  readonly node: string
  readonly addresses: readonly Cidr[]
  /** Shares the addresses of its node. */
  readonly hostNetwork: boolean
  readonly ports: readonly ContainerPort[]
}

export interface ServicePort {
  readonly port: number
  readonly transport: number
  /** A port of its pods, by number or name. */
  readonly target: number | string
}

export interface ClusterService {
  readonly namespace: string
  readonly name: string
  readonly selector: Labels
  readonly addresses: readonly Cidr[]
  readonly ports: readonly ServicePort[]
}

export interface Cluster {
  readonly pods: readonly Pod[]
  /** Labels by name. */
  readonly namespaces: ReadonlyMap<string, Labels>
  readonly services: readonly ClusterService[]
  /** Services were among the objects: what they lead to is known. */
  readonly knowsServices: boolean
  /** Addresses by node. */
  readonly nodes: ReadonlyMap<string, readonly Cidr[]>
}

type Tree = { readonly [key: string]: Tree } & { readonly length?: never }

const NAME = 'kubernetes.io/metadata.name'

/** Members of what the API server has checked: nothing is asked but that it is there. */
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((node, key) => (typeof node === 'object' && node !== null ? (node as Tree)[key] : undefined), value)
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const labels = (value: unknown): Labels => (typeof value === 'object' && value !== null ? (value as Labels) : {})
const addresses = (values: readonly unknown[]): Cidr[] =>
  [...new Set(values.map(text))].flatMap((each) => {
    const cidr = parseCidr(each)
    return typeof cidr === 'string' ? [] : [cidr]
  })
const transport = (value: unknown): number => transportNumbers[text(value) || 'TCP'] ?? 6

const podOf = (object: unknown): Pod => ({
  namespace: text(at(object, 'metadata', 'namespace')) || 'default',
  name: text(at(object, 'metadata', 'name')),
  labels: labels(at(object, 'metadata', 'labels')),
  node: text(at(object, 'spec', 'nodeName')),
  addresses: addresses([at(object, 'status', 'podIP'), ...list(at(object, 'status', 'podIPs')).map((each) => at(each, 'ip'))]),
  hostNetwork: at(object, 'spec', 'hostNetwork') === true,
  ports: [...list(at(object, 'spec', 'containers')), ...list(at(object, 'spec', 'initContainers'))].flatMap((container) =>
    list(at(container, 'ports')).map((each) => ({
      name: text(at(each, 'name')) || undefined,
      port: Number(at(each, 'containerPort')),
      transport: transport(at(each, 'protocol')),
    })),
  ),
})

const serviceOf = (object: unknown): ClusterService => ({
  namespace: text(at(object, 'metadata', 'namespace')) || 'default',
  name: text(at(object, 'metadata', 'name')),
  selector: labels(at(object, 'spec', 'selector')),
  addresses: addresses([at(object, 'spec', 'clusterIP'), ...list(at(object, 'spec', 'clusterIPs'))]),
  ports: list(at(object, 'spec', 'ports')).map((each) => {
    const port = Number(at(each, 'port'))
    const target = at(each, 'targetPort')
    return {
      port,
      transport: transport(at(each, 'protocol')),
      target: typeof target === 'number' || text(target) !== '' ? (target as number | string) : port,
    }
  }),
})

/** A pod that is over holds its address no longer. */
const isOver = (object: unknown): boolean => ['Succeeded', 'Failed'].includes(text(at(object, 'status', 'phase')))

/** Reads the objects; throws rules-invalid when the text is no JSON or has none. `name` is told in the error. */
export function readCluster(name: string, json: string): Cluster {
  const wrong = (reason: string): never => {
    throw new FlowidentError('rules-invalid', `${name}: ${reason}`, {
      hint: 'It is what `kubectl get pods,ns,svc,nodes -A -o json` writes.',
    })
  }
  let tree: unknown
  try {
    tree = JSON.parse(json)
  } catch (error) {
    return wrong(`not JSON: ${(error as Error).message}`)
  }
  const objects = Array.isArray(at(tree, 'items')) ? list(at(tree, 'items')) : [tree]
  const of = (kind: string) => objects.filter((object) => at(object, 'kind') === kind)
  const pods = of('Pod').filter((object) => !isOver(object))
  if (of('Pod').length + of('Namespace').length === 0) wrong('there are no pods and no namespaces in it')
  const namespaces = new Map<string, Labels>()
  for (const object of of('Namespace')) {
    const own = text(at(object, 'metadata', 'name'))
    namespaces.set(own, { ...labels(at(object, 'metadata', 'labels')), [NAME]: own })
  }
  const nodes = new Map<string, Cidr[]>()
  const note = (node: string, found: readonly unknown[]) => {
    const all = [...(nodes.get(node) ?? []), ...addresses(found)]
    if (node !== '') nodes.set(node, all)
  }
  for (const object of pods)
    note(text(at(object, 'spec', 'nodeName')), [
      at(object, 'status', 'hostIP'),
      ...list(at(object, 'status', 'hostIPs')).map((each) => at(each, 'ip')),
    ])
  for (const object of of('Node'))
    note(
      text(at(object, 'metadata', 'name')),
      list(at(object, 'status', 'addresses')).map((each) => at(each, 'address')),
    )
  const read = pods.map(podOf)
  // Namespaces may be left out of the file: of those, the name is known.
  for (const { namespace } of read) if (!namespaces.has(namespace)) namespaces.set(namespace, { [NAME]: namespace })
  const services = of('Service')
  return { pods: read, namespaces, services: services.map(serviceOf), knowsServices: services.length > 0, nodes }
}
