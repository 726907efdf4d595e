// SPDX-License-Identifier: Apache-2.0
// Policies as rules for the pods of one node. What is not allowed is dropped, nothing is passed: so the rules of the pod that
// sends and of the one that receives both hold, and other rules beside them go on to hold.
import type { Mistake } from '../../config/source.js'
import { CidrSet } from '../cidr-set.js'
import type { Cidr, Range, Rule } from '../model.js'
import { spellCidr, spellRange } from '../values.js'
import { Allowed, type Direction, EVERY_PORT, isFor, type Term } from './allowed.js'
import type { Cluster, Pod } from './cluster.js'
import { type Policy, transportNumbers } from './policy.js'
import { Services } from './services.js'

export interface TranslateOptions {
  /** Pods of this node get rules. */
  readonly node: string
  /** Beside the addresses of the node: a pod and its node may always talk. */
  readonly nodeAddresses: readonly Cidr[]
  /** Told where a note is of no policy. */
  readonly podsFile: string
}

export interface Translation {
  readonly rules: readonly Rule[]
  /** What cannot be expressed. */
  readonly notes: readonly Mistake[]
  /** Pods of the node. */
  readonly pods: number
  /** Those of them that some policy isolates. */
  readonly isolated: number
}

const [TCP = 6, UDP = 17, SCTP = 132] = Object.values(transportNumbers)
const [SYN, ACK] = [2, 16]

/** At these ports only these peers are allowed. */
interface Limit {
  readonly transports: readonly number[]
  readonly ports: readonly Range[]
  readonly peers: readonly Cidr[]
}

/** Pods with the same limits. */
interface Group {
  readonly direction: Direction
  readonly limits: readonly Limit[]
  readonly policies: readonly string[]
  readonly pods: Pod[]
}

/** Ports fall into classes at which the same terms hold; each class that does not allow everybody is a limit. */
function limitsOf(terms: readonly Term[], transport: number, always: CidrSet): Limit[] {
  const mine = terms.filter((term) => term.transport === transport)
  const cuts = [...new Set([0, EVERY_PORT.to + 1, ...mine.flatMap(({ ports }) => [ports.from, ports.to + 1])])].sort((a, b) => a - b)
  const classes = new Map<string, { terms: Term[]; ports: { from: number; to: number }[] }>()
  for (const [i, from] of cuts.slice(0, -1).entries()) {
    const to = (cuts[i + 1] as number) - 1
    const here = mine.filter(({ ports }) => ports.from <= from && to <= ports.to)
    const key = here.map((term) => mine.indexOf(term)).join()
    const there = classes.get(key) ?? { terms: here, ports: [] }
    const last = there.ports.at(-1)
    if (last?.to === from - 1) last.to = to
    else there.ports.push({ from, to })
    classes.set(key, there)
  }
  return [...classes.values()].flatMap((each) => {
    const peers = CidrSet.union([always, ...each.terms.map((term) => term.peers)])
    return peers.isAll ? [] : [{ transports: [transport], ports: each.ports, peers: peers.cidrs() }]
  })
}

const spellLimit = ({ ports, peers }: Limit): string => `${ports.map(spellRange).join()} ${peers.map(spellCidr).join()}`

/** TCP is told by its SYN; udp and sctp, by who opened the flow: they share their rules where they can. */
function allLimits(terms: readonly Term[], always: CidrSet): Limit[] {
  const [udp, sctp] = [limitsOf(terms, UDP, always), limitsOf(terms, SCTP, always)]
  const both = udp.map((limit) =>
    sctp.some((each) => spellLimit(each) === spellLimit(limit)) ? { ...limit, transports: [UDP, SCTP] } : limit,
  )
  const rest = sctp.filter((limit) => !udp.some((each) => spellLimit(each) === spellLimit(limit)))
  return [...limitsOf(terms, TCP, always), ...both, ...rest]
}

function ruleOf({ direction, policies, pods }: Group, { transports, ports, peers }: Limit, name: string): Rule {
  const cidrs = pods.flatMap(({ addresses }) => addresses)
  const every = ports.length === 1 && ports[0]?.from === EVERY_PORT.from && ports[0].to === EVERY_PORT.to
  const asked = every ? {} : { ports }
  const tcp = transports.includes(TCP)
  const [first, ...others] = pods.map((pod) => `${pod.namespace}/${pod.name}`)
  const whom = others.length === 0 ? first : `${first} and ${others.length} more`
  const ends = direction === 'in' ? { destination: { cidrs, ...asked } } : { source: { cidrs }, ...(!every && { destination: asked }) }
  return {
    name,
    action: 'drop',
    audit: false,
    comment: `NetworkPolicy ${policies.join(', ')}: ${direction === 'in' ? 'ingress' : 'egress'} of ${whom}`.slice(0, 500),
    match: { transport: transports, ...(tcp ? { tcpFlags: SYN } : { reply: false }), ...ends },
    not: {
      ...(tcp && { tcpFlags: ACK }),
      ...(peers.length > 0 && (direction === 'in' ? { source: { cidrs: peers } } : { destination: { cidrs: peers } })),
    },
    file: '',
    place: undefined,
  }
}

/** `np.shop.db-policy.in.1`, cut so that it stays a name. */
const nameOf = ({ direction, policies }: Group, number: number): string => {
  const tail = `.${direction}.${number}`
  const stem = `np.${(policies[0] ?? '').replace('/', '.')}`.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  return `${stem.slice(0, 63 - tail.length)}${tail}`
}

export function translate(policies: readonly Policy[], cluster: Cluster, options: TranslateOptions): Translation {
  const notes: Mistake[] = []
  const note = (mistake: Mistake) => notes.push(mistake)
  const allowed = new Allowed(cluster, note)
  const services = new Services(cluster, note)
  const always = CidrSet.of([...(cluster.nodes.get(options.node) ?? []), ...options.nodeAddresses])
  const local = cluster.pods.filter(({ node }) => node === options.node)
  const groups = new Map<string, Group>()
  const isolated = new Set<Pod>()
  for (const pod of local)
    for (const direction of ['in', 'out'] as const) {
      const terms = allowed.terms(pod, direction, policies)
      if (terms === undefined) continue
      isolated.add(pod)
      const all = direction === 'out' ? [...terms, ...services.terms(terms, options.podsFile)] : terms
      const limits = allLimits(all, always)
      const names = policies
        .filter((each) => each[direction] !== undefined && isFor(each, pod))
        .map((each) => `${each.namespace}/${each.name}`)
      const key = [direction, names.join(), ...limits.map((each) => `${each.transports.join()} ${spellLimit(each)}`)].join('\n')
      const group = groups.get(key) ?? { direction, limits, policies: names, pods: [] }
      if (pod.addresses.length > 0) group.pods.push(pod)
      groups.set(key, group)
    }
  const rules = [...groups.values()]
    .filter(({ pods }) => pods.length > 0)
    .flatMap((group) => group.limits.map((limit) => ({ group, limit })))
    .map(({ group, limit }, i) => ruleOf(group, limit, nameOf(group, i + 1)))
  for (const pod of local.filter(({ hostNetwork }) => hostNetwork))
    for (const policy of policies.filter((each) => isFor(each, { ...pod, hostNetwork: false })))
      note({
        source: policy.file,
        ...policy.place([...policy.path, 'spec', 'podSelector']),
        text: `policy ${policy.namespace}/${policy.name}: spec.podSelector: ${pod.namespace}/${pod.name} has the network of its node: it is not isolated`,
      })
  const sends = [...groups.values()].some(({ direction }) => direction === 'out')
  if (sends && !cluster.knowsServices)
    note({
      source: options.podsFile,
      text: 'no services are in it: pods with egress rules cannot reach the addresses of services; add svc',
    })
  return { rules, notes, pods: local.length, isolated: isolated.size }
}
