// SPDX-License-Identifier: Apache-2.0
// NetworkPolicy objects as rules: the cases that the documentation of Kubernetes tells, what is said of objects that are wrong or
// cannot be expressed, and random clusters against a plain reading of the objects.
import { describe, expect, it } from 'vitest'
import { parseYaml, parseYamls } from '../../src/config/source.js'
import { spellMistake } from '../../src/config/load.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { Evaluator } from '../../src/rules/evaluator.js'
import { loadRules } from '../../src/rules/load.js'
import type { Rule } from '../../src/rules/model.js'
import { readCluster } from '../../src/rules/network-policy/cluster.js'
import { readPolicies } from '../../src/rules/network-policy/policy.js'
import { translate } from '../../src/rules/network-policy/translate.js'
import type { Packet } from '../../src/rules/packet.js'
import { evaluate } from '../../src/rules/reference.js'
import { spellRules } from '../../src/rules/spell.js'
import { parseCidr } from '../../src/rules/values.js'
import {
  HERE,
  mayTalk,
  namespace,
  pod,
  PORTS,
  type PodObject,
  type PolicyObject,
  randomPolicies,
  randomWorld,
  type World,
} from '../lib/policy-worlds.js'
import { randomOf } from '../lib/rule-worlds.js'

const addon = loadAddon()
const numbers = { TCP: 6, UDP: 17, SCTP: 132 } as const
type Protocol = keyof typeof numbers

const listed = (world: World, more: readonly unknown[] = []) =>
  readCluster('pods.json', JSON.stringify({ kind: 'List', items: [...world.pods, ...world.namespaces, ...more] }))

function translated(world: World, text: string, more: readonly unknown[] = []) {
  const { policies, mistakes, notes } = readPolicies('np.yaml', parseYamls('np.yaml', text))
  expect(mistakes.map(spellMistake)).toEqual([])
  const result = translate(policies, listed(world, more), { node: HERE, nodeAddresses: [], podsFile: 'pods.json' })
  return { ...result, notes: [...notes, ...result.notes].map(spellMistake) }
}

const bytes = (address: string): Uint8Array => {
  const cidr = parseCidr(address)
  if (typeof cidr === 'string') throw new Error(cidr)
  return cidr.bytes
}
/** The packet that opens a connection. */
const opening = (from: string, to: string, protocol: Protocol, port: number): Packet => ({
  net: from.includes(':') ? 6 : 4,
  source: bytes(from),
  destination: bytes(to),
  transport: numbers[protocol],
  ports: { source: 40_000, destination: port },
  tcpFlags: protocol === 'TCP' ? 2 : undefined,
  vlan: 0,
  ifindex: 1,
  interface: 'cali0',
  direction: 'in',
  reply: false,
  pending: true,
  layers: [],
  named: 0,
  confidence: 0,
})
const answer = (packet: Packet): Packet => ({
  ...packet,
  source: packet.destination,
  destination: packet.source,
  ports: packet.ports && { source: packet.ports.destination, destination: packet.ports.source },
  tcpFlags: packet.tcpFlags === undefined ? undefined : 18,
  reply: true,
})
const talks = (rules: readonly Rule[], from: string, to: string, port: number, protocol: Protocol = 'TCP'): boolean =>
  !evaluate(rules, opening(from, to, protocol, port)).drop

const world: World = {
  namespaces: [namespace('default'), namespace('shop', { team: 'shop' }), namespace('lab', { team: 'lab' })],
  pods: [
    pod('db', 'default', { role: 'db' }, ['10.1.0.10'], { ports: [{ name: 'redis', containerPort: 6379, protocol: 'TCP' }] }),
    pod('front', 'default', { role: 'front' }, ['10.1.0.11']),
    pod('other', 'default', {}, ['10.1.0.12']),
    pod('cart', 'shop', { role: 'front' }, ['10.1.1.1'], {
      node: 'node-b',
      ports: [{ name: 'web', containerPort: 8080, protocol: 'TCP' }],
    }),
    pod('till', 'shop', { role: 'back' }, ['10.1.1.2'], { node: 'node-b' }),
    pod('probe', 'lab', { role: 'front' }, ['10.1.2.1', 'fd00::21'], { node: 'node-b' }),
  ],
}
const [DB, FRONT, OTHER, CART, TILL, PROBE, OUT] = [
  '10.1.0.10',
  '10.1.0.11',
  '10.1.0.12',
  '10.1.1.1',
  '10.1.1.2',
  '10.1.2.1',
  '192.0.2.9',
] as const
const NODE = '10.0.0.1'

const policy = (spec: string, name = 'p', space = 'default'): string => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: ${space} }
spec:
${spec
  .trim()
  .split('\n')
  .map((line) => `  ${line}`)
  .join('\n')}
`

describe('cases from the documentation of Kubernetes', () => {
  it('peers of three kinds and a port in; a network and a port out', () => {
    const { rules, notes } = translated(
      world,
      policy(`
podSelector: { matchLabels: { role: db } }
policyTypes: [Ingress, Egress]
ingress:
- from:
  - ipBlock: { cidr: 172.17.0.0/16, except: [172.17.1.0/24] }
  - namespaceSelector: { matchLabels: { team: shop } }
  - podSelector: { matchLabels: { role: front } }
  ports: [{ protocol: TCP, port: 6379 }]
egress:
- to: [{ ipBlock: { cidr: 10.9.0.0/24 } }]
  ports: [{ protocol: TCP, port: 5978 }]
`),
    )
    expect(notes).toEqual(['pods.json: no services are in it: pods with egress rules cannot reach the addresses of services; add svc'])
    const into = (from: string, port = 6379) => talks(rules, from, DB, port)
    expect([into(FRONT), into(CART), into(TILL), into('172.17.0.9'), into('172.17.2.9')]).toEqual([true, true, true, true, true])
    expect([into(OTHER), into(PROBE), into('172.17.1.9'), into(OUT), into(FRONT, 6380)]).toEqual([false, false, false, false, false])
    expect(talks(rules, FRONT, DB, 6379, 'UDP')).toBe(false)
    expect([talks(rules, DB, '10.9.0.3', 5978), talks(rules, DB, '10.9.0.3', 5979), talks(rules, DB, '10.9.1.3', 5978)]).toEqual([
      true,
      false,
      false,
    ])
    // Others are not isolated; the node may always talk to its pods.
    expect([talks(rules, OUT, FRONT, 1), talks(rules, NODE, DB, 1), talks(rules, DB, NODE, 1)]).toEqual([true, true, true])
    // What was let in is answered, and what is not tcp, udp or sctp is let go.
    expect(evaluate(rules, answer(opening(CART, DB, 'TCP', 6379))).drop).toBe(false)
    expect(evaluate(rules, answer(opening(CART, DB, 'UDP', 53))).drop).toBe(false)
    expect(evaluate(rules, { ...opening(OTHER, DB, 'UDP', 0), transport: 1, ports: undefined }).drop).toBe(false)
  })

  it('namespace and pod in one entry must both fit; in two, either', () => {
    const both = translated(
      world,
      policy(
        'podSelector: {}\ningress:\n- from:\n  - namespaceSelector: { matchLabels: { team: shop } }\n    podSelector: { matchLabels: { role: front } }',
      ),
    )
    expect([CART, TILL, FRONT].map((from) => talks(both.rules, from, DB, 80))).toEqual([true, false, false])
    const either = translated(
      world,
      policy(
        'podSelector: {}\ningress:\n- from:\n  - namespaceSelector: { matchLabels: { team: shop } }\n  - podSelector: { matchLabels: { role: front } }',
      ),
    )
    expect([CART, TILL, FRONT, OTHER, PROBE].map((from) => talks(either.rules, from, DB, 80))).toEqual([true, true, true, false, false])
  })

  it('nothing in, all in; nothing out, all out; neither', () => {
    const way = (spec: string) => {
      const { rules } = translated(world, policy(spec))
      return [talks(rules, OUT, DB, 80), talks(rules, DB, OUT, 80)]
    }
    expect(way('podSelector: {}\npolicyTypes: [Ingress]')).toEqual([false, true])
    expect(way('podSelector: {}\ningress: [{}]\npolicyTypes: [Ingress]')).toEqual([true, true])
    expect(way('podSelector: {}\npolicyTypes: [Egress]')).toEqual([true, false])
    expect(way('podSelector: {}\negress: [{}]\npolicyTypes: [Egress]')).toEqual([true, true])
    expect(way('podSelector: {}\npolicyTypes: [Ingress, Egress]')).toEqual([false, false])
    // Without policyTypes a policy is about what comes in, and about what goes out when it says something of it.
    expect(way('podSelector: {}')).toEqual([false, true])
    expect(way('podSelector: {}\negress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }] }]')).toEqual([false, false])
  })

  it('one policy denies, another allows: what any of them allows is allowed', () => {
    const texts = [
      policy('podSelector: {}', 'deny'),
      policy('podSelector: { matchLabels: { role: db } }\ningress: [{ from: [{ podSelector: {} }] }]', 'own'),
    ]
    const { rules, isolated, pods } = translated(world, texts.join('---\n'))
    expect([talks(rules, FRONT, DB, 80), talks(rules, CART, DB, 80), talks(rules, DB, FRONT, 80)]).toEqual([true, false, false])
    expect([isolated, pods]).toEqual([3, 3])
  })

  it('a range of ports, sctp, and a protocol without ports', () => {
    const { rules } = translated(
      world,
      policy(`
podSelector: { matchLabels: { role: db } }
policyTypes: [Egress]
egress:
- to: [{ ipBlock: { cidr: 192.0.2.0/24 } }]
  ports: [{ protocol: TCP, port: 32000, endPort: 32768 }, { protocol: SCTP, port: 7777 }, { protocol: UDP }]
`),
    )
    expect([31_999, 32_000, 32_768, 32_769].map((port) => talks(rules, DB, OUT, port))).toEqual([false, true, true, false])
    expect([talks(rules, DB, OUT, 7777, 'SCTP'), talks(rules, DB, OUT, 7778, 'SCTP'), talks(rules, DB, OUT, 9, 'UDP')]).toEqual([
      true,
      false,
      true,
    ])
  })

  it('namespaces by expression, and by name', () => {
    const by = (key: string, values: string) =>
      translated(
        world,
        policy(
          `podSelector: {}\ningress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: ${key}, operator: In, values: ${values} }] } }] }]`,
        ),
      ).rules
    expect([CART, PROBE, FRONT].map((from) => talks(by('team', '[shop, lab]'), from, DB, 1))).toEqual([true, true, false])
    expect([CART, PROBE, FRONT].map((from) => talks(by('kubernetes.io/metadata.name', '[lab]'), from, DB, 1))).toEqual([false, true, false])
  })

  it('names of ports: of the pod for what comes in, of each peer for what goes out', () => {
    const into = translated(world, policy('podSelector: {}\ningress: [{ ports: [{ port: redis }] }]'))
    expect([talks(into.rules, OUT, DB, 6379), talks(into.rules, OUT, DB, 80), talks(into.rules, OUT, FRONT, 6379)]).toEqual([
      true,
      false,
      false,
    ])
    expect(into.notes).toContain(
      'np.yaml:6:31: policy default/p: spec.ingress[0].ports[0].port: no container of default/front names a port redis: nothing is allowed there by it',
    )
    const out = translated(world, policy('podSelector: {}\npolicyTypes: [Egress]\negress: [{ ports: [{ port: web }] }]'))
    expect([talks(out.rules, DB, CART, 8080), talks(out.rules, DB, CART, 80), talks(out.rules, DB, TILL, 8080)]).toEqual([
      true,
      false,
      false,
    ])
    expect(out.notes[0]).toBe(
      'np.yaml:7:30: policy default/p: spec.egress[0].ports[0].port: the name web means nothing outside of the cluster: allowed at pods only; use a number',
    )
  })

  it('addresses of services are open when all of their pods are', () => {
    const service = (name: string, selector: Record<string, string>, ip: string) => ({
      kind: 'Service',
      metadata: { name, namespace: 'shop' },
      spec: { selector, clusterIP: ip, ports: [{ port: 80, targetPort: 8080 }] },
    })
    const services = [service('carts', { role: 'front' }, '10.96.0.1'), service('all', {}, '10.96.0.2')]
    const text = policy(
      'podSelector: {}\npolicyTypes: [Egress]\negress: [{ to: [{ namespaceSelector: {}, podSelector: { matchLabels: { role: front } } }], ports: [{ port: 8080 }] }]',
    )
    const { rules, notes } = translated(world, text, services)
    expect(notes).toEqual([])
    expect([talks(rules, DB, '10.96.0.1', 80), talks(rules, DB, '10.96.0.1', 8080), talks(rules, DB, '10.96.0.2', 80)]).toEqual([
      true,
      false,
      false,
    ])
    const mixed = {
      ...world,
      pods: world.pods.map((each) => ({ ...each, metadata: { ...each.metadata, labels: { ...each.metadata.labels, any: 'y' } } })),
    }
    const told = translated(mixed, text, [service('any', { any: 'y' }, '10.96.0.3')])
    expect(told.notes).toEqual([
      'pods.json: service shop/any, port 80: only 1 of its 2 pods are allowed to some pods, which cannot reach its address then',
    ])
    expect(talks(told.rules, DB, '10.96.0.3', 80)).toBe(false)
  })
})

describe('what is told', () => {
  const mistakes = (text: string) => readPolicies('np.yaml', parseYamls('np.yaml', text)).mistakes.map(spellMistake)
  const spec = (text: string) => policy(`podSelector: {}\n${text}`)
  it.each([
    [
      'another version',
      policy('podSelector: {}').replace('networking.k8s.io/v1', 'extensions/v1beta1'),
      'np.yaml:1:13: apiVersion: expected networking.k8s.io/v1, found "extensions/v1beta1"',
    ],
    [
      'no spec',
      policy('').replace(/spec:[\s\S]*/, ''),
      'np.yaml:1:1: spec: expected a section with podSelector, policyTypes, ingress, egress, found nothing',
    ],
    ['an unknown member', spec('ingres: []'), 'np.yaml:6:3: spec.ingres: unknown key "ingres"; did you mean "ingress"?'],
    [
      'a type that is none',
      spec('policyTypes: [Inbound]'),
      'np.yaml:6:17: spec.policyTypes[0]: expected Ingress or Egress, found "Inbound"',
    ],
    ['to in ingress', spec('ingress: [{ to: [] }]'), 'np.yaml:6:15: spec.ingress[0].to: unknown key "to"; known here: from, ports'],
    [
      'an empty peer',
      spec('ingress: [{ from: [{}] }]'),
      'np.yaml:6:22: spec.ingress[0].from[0]: expected podSelector, namespaceSelector or ipBlock',
    ],
    [
      'a network beside a selector',
      spec('ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: 10.0.0.0/8 } }] }]'),
      'np.yaml:6:50: spec.ingress[0].from[0].ipBlock: ipBlock stands alone; make the selectors an entry of their own',
    ],
    [
      'no CIDR',
      spec('ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.1 } }] }]'),
      'np.yaml:6:41: spec.ingress[0].from[0].ipBlock.cidr: expected a CIDR such as 10.0.0.0/8, found "10.0.0.1"',
    ],
    [
      'an exception outside',
      spec('ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.0.0.0/8] } }] }]'),
      'np.yaml:6:62: spec.ingress[0].from[0].ipBlock.except[0]: except: each must be a smaller network within cidr',
    ],
    [
      'endPort before port',
      spec('ingress: [{ ports: [{ port: 90, endPort: 80 }] }]'),
      'np.yaml:6:44: spec.ingress[0].ports[0].endPort: expected a number from 90 to 65535, found 80',
    ],
    [
      'endPort of a name',
      spec('ingress: [{ ports: [{ port: web, endPort: 80 }] }]'),
      'np.yaml:6:45: spec.ingress[0].ports[0].endPort: endPort needs a port that is a number',
    ],
    [
      'a port beyond the last',
      spec('ingress: [{ ports: [{ port: 65536 }] }]'),
      'np.yaml:6:31: spec.ingress[0].ports[0].port: expected a number from 1 to 65535 or the name of a port, found 65536',
    ],
    [
      'a transport without ports',
      spec('ingress: [{ ports: [{ protocol: ICMP }] }]'),
      'np.yaml:6:35: spec.ingress[0].ports[0].protocol: expected TCP or UDP or SCTP, found "ICMP"; did you mean "TCP"?',
    ],
    [
      'an operator that is none',
      policy('podSelector: { matchExpressions: [{ key: a, operator: Is }] }'),
      'np.yaml:5:57: spec.podSelector.matchExpressions[0].operator: expected In or NotIn or Exists or DoesNotExist, found "Is"; did you mean "In"?',
    ],
    [
      'In of nothing',
      policy('podSelector: { matchExpressions: [{ key: a, operator: In }] }'),
      'np.yaml:5:37: spec.podSelector.matchExpressions[0].values: In needs values',
    ],
    [
      'a label that is a number',
      policy('podSelector: { matchLabels: { version: 2 } }'),
      'np.yaml:5:42: spec.podSelector.matchLabels.version: expected a text, found 2; put it in quotes',
    ],
    ['no YAML', 'spec: [', 'np.yaml:1:8: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ])('%s', (_what, text, said) => expect(mistakes(text)).toContain(said))

  it('objects of lists and of several documents are read; others are told and left out', () => {
    const list = JSON.stringify({
      kind: 'List',
      items: [{ kind: 'ConfigMap' }, ...[1, 2].map((n) => parseYaml('', policy('podSelector: {}', `p${n}`)).source.tree)],
    })
    const { policies, notes } = readPolicies('np.json', parseYamls('np.json', list))
    expect(policies.map(({ name }) => name)).toEqual(['p1', 'p2'])
    expect(notes.map(spellMistake)).toEqual(['np.json:1:25: "ConfigMap" is no NetworkPolicy: left out'])
  })

  it('rules that have no effect, and pods that cannot be isolated', () => {
    const shared: World = { ...world, pods: [...world.pods, pod('proxy', 'default', { role: 'proxy' }, [NODE], { hostNetwork: true })] }
    const { notes } = translated(shared, policy('podSelector: {}\npolicyTypes: [Ingress]\negress: [{}]'))
    expect(notes).toEqual([
      'np.yaml:7:3: policy default/p: spec.egress: without effect, since policyTypes has no Egress; add it there',
      'np.yaml:5:16: policy default/p: spec.podSelector: default/proxy has the network of its node: it is not isolated',
    ])
  })
})

describe('random clusters', () => {
  it.each([1, 2, 3])('mean the same as the objects, read plainly (%i)', { timeout: 120_000 }, (seed) => {
    const random = randomOf(seed * 104_729)
    const seen = { open: 0, shut: 0 }
    for (let n = 0; n < 150; n++) {
      const cluster = randomWorld(random)
      const policies: PolicyObject[] = randomPolicies(random)
      const { rules } = translated(cluster, policies.map((each) => JSON.stringify(each)).join('\n---\n'))
      // As they go through a file.
      const { rules: loaded } = loadRules([{ name: 'np.yaml', text: spellRules(rules) }])
      const addresses = [
        ...cluster.pods.flatMap(({ status }: PodObject) => status.podIPs.map(({ ip }) => ip)),
        '10.0.0.1',
        '192.0.2.9',
        '192.0.2.200',
        'fd00::aa',
        '2001:db8::1',
      ]
      const asked = Array.from({ length: 200 }, () => {
        const from = addresses[random(addresses.length)] as string
        const others = addresses.filter((each) => each !== from && each.includes(':') === from.includes(':'))
        const protocol = (['TCP', 'UDP', 'SCTP'] as const)[random(3)] as Protocol
        const port = (PORTS[random(PORTS.length)] as number) + random(2)
        return { from, to: others[random(others.length)] ?? '', protocol, port }
      }).filter(
        ({ from, to }) =>
          to !== '' && !cluster.pods.some(({ status }) => [from, to].every((each) => status.podIPs.some(({ ip }) => ip === each))),
      )
      const packets = asked.map(({ from, to, protocol, port }) => opening(from, to, protocol, port))
      const verdicts = new Evaluator(addon, loaded, []).ask([...packets, ...packets.map(answer)])
      for (const [i, { from, to, protocol, port }] of asked.entries()) {
        const wanted = mayTalk(cluster, policies, from, to, protocol, port)
        if (verdicts[i]?.drop === wanted)
          expect.fail(
            `seed ${seed}, ${n}: ${from} > ${to} ${protocol} ${port} should ${wanted ? 'pass' : 'be dropped'}\n${JSON.stringify({ cluster, policies })}\n${spellRules(rules)}`,
          )
        if (verdicts[asked.length + i]?.drop) expect.fail(`seed ${seed}, ${n}: the answer to ${from} > ${to} is dropped`)
        seen[wanted ? 'open' : 'shut']++
      }
    }
    expect(seen.open).toBeGreaterThan(3000)
    expect(seen.shut).toBeGreaterThan(3000)
  })
})
