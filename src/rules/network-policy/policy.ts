// SPDX-License-Identifier: Apache-2.0
// NetworkPolicy objects of networking.k8s.io/v1, from YAML or JSON: one, several in one file, or a List of them.
import type { Mistake, Parsed, Place } from '../../config/source.js'
import type { Cidr, Range } from '../model.js'
import { type Node, type Path, Reader, show, spellPath } from '../reader.js'
import { parseCidr } from '../values.js'
import { readSelector, type Selector } from './labels.js'

export const transportNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 }

export type Peer =
  | { readonly kind: 'pods'; readonly namespaces: Selector | undefined; readonly pods: Selector | undefined }
  | { readonly kind: 'block'; readonly cidr: Cidr; readonly except: readonly Cidr[] }

export interface PolicyPort {
  readonly transport: number
  /** Undefined and no name: every port. */
  readonly range: Range | undefined
  readonly name: string | undefined
  readonly path: Path
}

export interface PolicyRule {
  /** Undefined: everybody. */
  readonly peers: readonly Peer[] | undefined
  /** Undefined: every port of tcp, udp and sctp. */
  readonly ports: readonly PolicyPort[] | undefined
}

export interface Policy {
  readonly namespace: string
  readonly name: string
  readonly pods: Selector
  /** Undefined: the policy says nothing of this direction. */
  readonly in: readonly PolicyRule[] | undefined
  readonly out: readonly PolicyRule[] | undefined
  readonly file: string
  /** Of the object in its document. */
  readonly path: Path
  place(path: Path): Place | undefined
}

export interface PolicyFile {
  readonly policies: readonly Policy[]
  readonly mistakes: readonly Mistake[]
  /** What is not translated, with its place. */
  readonly notes: readonly Mistake[]
}

/** Names the field as it is written in the documentation of Kubernetes. */
class FieldReader extends Reader {
  override field(path: Path): string {
    return spellPath(path) || 'the object'
  }
}

function readBlock(r: Reader, value: unknown, path: Path): Peer | undefined {
  const node = r.section(value, path, ['cidr', 'except'])
  const cidr = (each: unknown, at: Path): Cidr | undefined =>
    typeof each === 'string' && each.includes('/')
      ? r.parsed(parseCidr(each), at)
      : r.fault(at, `expected a CIDR such as 10.0.0.0/8, found ${show(each)}`)
  const whole = cidr(node['cidr'], [...path, 'cidr'])
  const except = node['except'] === undefined || node['except'] === null ? [] : r.list(node['except'], [...path, 'except'], cidr)
  if (whole === undefined || except === undefined) return undefined
  for (const [i, each] of except.entries())
    if (each.net !== whole.net || each.length <= whole.length)
      r.fault([...path, 'except', i], 'except: each must be a smaller network within cidr')
  return { kind: 'block', cidr: whole, except }
}

function readPeer(r: Reader, value: unknown, path: Path): Peer | undefined {
  const node = r.section(value, path, ['podSelector', 'namespaceSelector', 'ipBlock'])
  const selector = (key: string) => (node[key] === undefined || node[key] === null ? undefined : readSelector(r, node[key], [...path, key]))
  const [pods, namespaces] = [selector('podSelector'), selector('namespaceSelector')]
  if (node['ipBlock'] !== undefined && node['ipBlock'] !== null) {
    if (pods || namespaces) return r.fault([...path, 'ipBlock'], 'ipBlock stands alone; make the selectors an entry of their own')
    return readBlock(r, node['ipBlock'], [...path, 'ipBlock'])
  }
  if (!pods && !namespaces) return r.fault(path, 'expected podSelector, namespaceSelector or ipBlock')
  return { kind: 'pods', namespaces, pods }
}

const isPort = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535

function readPort(r: Reader, value: unknown, path: Path): PolicyPort | undefined {
  const node = r.section(value, path, ['protocol', 'port', 'endPort'])
  const protocol = r.word(node['protocol'] ?? 'TCP', [...path, 'protocol'], Object.keys(transportNumbers))
  const { port, endPort } = node as { port?: unknown; endPort?: unknown }
  const named = typeof port === 'string'
  if (port !== undefined && !isPort(port) && !(named && /^(?=.*[a-z])[a-z0-9-]{1,15}$/.test(port)))
    return r.fault([...path, 'port'], `expected a number from 1 to 65535 or the name of a port, found ${show(port)}`)
  if (endPort !== undefined && !isPort(port)) return r.fault([...path, 'endPort'], 'endPort needs a port that is a number')
  if (endPort !== undefined && (!isPort(endPort) || endPort < (port as number)))
    return r.fault([...path, 'endPort'], `expected a number from ${String(port)} to 65535, found ${show(endPort)}`)
  if (protocol === undefined) return undefined
  const range = isPort(port) ? { from: port, to: isPort(endPort) ? endPort : port } : undefined
  return { transport: transportNumbers[protocol] as number, range, name: named ? port : undefined, path }
}

function readRules(r: Reader, value: unknown, path: Path, peersKey: 'from' | 'to'): PolicyRule[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    r.fault(path, `${path.at(-1)}: expected a list, found ${show(value)}`)
    return []
  }
  return value.map((each, i) => {
    const at = [...path, i]
    const node = r.section(each ?? {}, at, [peersKey, 'ports'])
    // An empty list says the same as none.
    const list = <T>(key: string, one: (value: unknown, path: Path) => T | undefined): T[] | undefined => {
      const given = node[key]
      if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) return undefined
      if (!Array.isArray(given)) return r.fault([...at, key], `${key}: expected a list, found ${show(given)}`)
      return r.list(given, [...at, key], one)
    }
    return { peers: list(peersKey, (v, p) => readPeer(r, v, p)), ports: list('ports', (v, p) => readPort(r, v, p)) }
  })
}

function readPolicy(r: Reader, object: Node, path: Path, file: string, notes: Mistake[]): Policy | undefined {
  const at = (...more: Path): Path => [...path, ...more]
  r.section(object, path, ['apiVersion', 'kind', 'metadata', 'spec', 'status'])
  if (object['apiVersion'] !== 'networking.k8s.io/v1')
    r.fault(at('apiVersion'), `expected networking.k8s.io/v1, found ${show(object['apiVersion'])}`)
  const metadata = (object['metadata'] ?? {}) as Node
  const name = metadata['name']
  if (typeof name !== 'string' || name === '') return r.fault(at('metadata', 'name'), `name: expected a text, found ${show(name)}`)
  const namespace = metadata['namespace'] ?? 'default'
  if (typeof namespace !== 'string') return r.fault(at('metadata', 'namespace'), `namespace: expected a text, found ${show(namespace)}`)
  const spec = r.section(object['spec'], at('spec'), ['podSelector', 'policyTypes', 'ingress', 'egress'])
  const pods = readSelector(r, spec['podSelector'], at('spec', 'podSelector'))
  const rules = {
    Ingress: readRules(r, spec['ingress'], at('spec', 'ingress'), 'from'),
    Egress: readRules(r, spec['egress'], at('spec', 'egress'), 'to'),
  }
  const given = spec['policyTypes']
  const types =
    given === undefined || given === null || (Array.isArray(given) && given.length === 0)
      ? ['Ingress', ...(rules.Egress.length > 0 ? ['Egress'] : [])]
      : (r.list(given, at('spec', 'policyTypes'), (v, p) => r.word(v, p, ['Ingress', 'Egress'] as const)) ?? [])
  for (const type of ['Ingress', 'Egress'] as const) {
    const key = type.toLowerCase()
    if (rules[type].length > 0 && !types.includes(type))
      notes.push({
        source: file,
        ...r.place(at('spec', key), 'key'),
        text: `policy ${namespace}/${name}: spec.${key}: without effect, since policyTypes has no ${type}; add it there`,
      })
  }
  const of = (type: 'Ingress' | 'Egress') => (types.includes(type) ? rules[type] : undefined)
  return { namespace, name, pods, in: of('Ingress'), out: of('Egress'), file, path, place: (where) => r.place(where) }
}

export function readPolicies(file: string, documents: readonly Parsed[]): PolicyFile {
  const policies: Policy[] = []
  const mistakes: Mistake[] = []
  const notes: Mistake[] = []
  for (const { source, mistakes: broken } of documents) {
    mistakes.push(...broken)
    const r = new FieldReader(source, file)
    const take = (value: unknown, path: Path): void => {
      const object = (typeof value === 'object' && value !== null ? value : {}) as Node
      const kind = object['kind']
      const items = object['items']
      if ((kind === 'List' || kind === 'NetworkPolicyList') && Array.isArray(items))
        for (const [i, each] of items.entries()) take(each, [...path, 'items', i])
      else if (kind === 'NetworkPolicy') {
        const policy = readPolicy(r, object, path, file, notes)
        if (policy) policies.push(policy)
      } else if (Object.keys(object).length > 0)
        notes.push({ source: file, ...r.place(path), text: `${show(kind)} is no NetworkPolicy: left out` })
    }
    if (broken.length === 0) take(source.tree, [])
    for (const mistake of r.mistakes) mistakes.push(mistake)
  }
  return { policies, mistakes, notes }
}
