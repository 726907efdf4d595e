// SPDX-License-Identifier: Apache-2.0
// A NetworkPolicy on a node: three pods in namespaces of their own, a host between them that forwards, the daemon on the host's ends of
// their links. Real connections and datagrams.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { join, Netns, unavailable } from '../lib/netns.js'
import { namespace, pod } from '../lib/policy-worlds.js'
import { Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/network-policy: skipped, ${reason}`)

/** Answers on every port that is asked for, with tcp and with udp. */
const SERVE = `
import select, socket, sys
socks = []
for port in map(int, sys.argv[1:]):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('', port))
        if kind == socket.SOCK_STREAM:
            s.listen(16)
        socks.append(s)
print('ready', flush=True)
while True:
    for s in select.select(socks, [], [])[0]:
        if s.type == socket.SOCK_STREAM:
            c, _ = s.accept()
            c.sendall(b'hello')
            c.close()
        else:
            data, peer = s.recvfrom(100)
            s.sendto(data, peer)
`
const ASK = `
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == 'udp' else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET, kind)
s.settimeout(1)
try:
    s.connect((sys.argv[2], int(sys.argv[3])))
    if kind == socket.SOCK_DGRAM:
        s.send(b'ping')
    print('open' if s.recv(10) else 'shut')
except OSError:
    print('shut')
`

const POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: db, namespace: default }
spec:
  podSelector: { matchLabels: { role: db } }
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{ podSelector: { matchLabels: { role: front } } }]
    ports: [{ port: 6379 }, { protocol: UDP, port: 5353, endPort: 5354 }]
  egress:
  - to: [{ ipBlock: { cidr: 10.78.0.0/16, except: [10.78.1.0/24] } }]
    ports: [{ port: 7000 }]
`
const names = ['db', 'front', 'other'] as const
type Name = (typeof names)[number]
const address = (name: Name): string => `10.78.${names.indexOf(name)}.2`
const gateway = (name: Name): string => `10.78.${names.indexOf(name)}.1`
const PORTS = [6379, 6380, 5353, 5355, 7000]

describe.skipIf(reason !== undefined)('NetworkPolicy', () => {
  let dir: TempDir
  let host: Netns
  let pods: Map<Name, Netns>
  let procs: Proc[] = []

  beforeEach(() => {
    sweep()
    dir = new TempDir('policy')
    host = new Netns('h')
    host.sysctl('net.ipv4.ip_forward', 1)
    pods = new Map(names.map((name) => [name, new Netns(name)]))
    for (const [name, ns] of pods) {
      join({ ns: host, device: `p-${name}`, addresses: [`${gateway(name)}/24`] }, { ns, device: 'e0', addresses: [`${address(name)}/24`] })
      ns.ip('route', 'add', 'default', 'via', gateway(name))
    }
  })
  afterEach(async () => {
    await Promise.all(procs.map((p) => p.stop()))
    procs = []
    for (const ns of pods.values()) ns[Symbol.dispose]()
    host[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  const ask = async (from: Name | 'host', kind: 'tcp' | 'udp', to: string, port: number): Promise<string> => {
    const ns = from === 'host' ? host : (pods.get(from) as Netns)
    return (await run(['python3', '-c', ASK, kind, to, String(port)], { netns: ns.name })).stdout.trim()
  }

  it('lets in and out what it says, answers what was let in, and leaves other pods alone', { timeout: 90_000 }, async () => {
    for (const ns of pods.values()) {
      const server = new Proc(['python3', '-c', SERVE, ...PORTS.map(String)], { netns: ns.name })
      procs.push(server)
      await until('the server', () => server.stdout.includes('ready'))
    }
    const items = [
      namespace('default'),
      ...names
        .map((name) => pod(name, 'default', { role: name }, [address(name)]))
        .map((each) => ({ ...each, status: { ...each.status, hostIP: gateway('db') } })),
    ]
    const cluster = dir.file('pods.json', JSON.stringify({ kind: 'List', items }))
    const made = await run(commandLine('rules', 'from-networkpolicy', dir.file('np.yaml', POLICY), '--pods', cluster, '--node', 'node-a'))
    const folder = dir.dir('rules.d')
    await using daemon = await Daemon.start(dir, {
      netns: host.name,
      interfaces: names.map((name) => `p-${name}`),
      config: `rules:\n  folder: ${folder}\n`,
    })
    expect(await ask('other', 'tcp', address('db'), 6379)).toBe('open')
    const applied = await run(commandLine('rules', 'apply', dir.file('rules.yaml', made.stdout), '--url', `unix:${daemon.socket}`))
    expect(applied.stdout).toMatch(/^\d+ rules are in force\n$/)
    const all = async (list: readonly (readonly [Name | 'host', 'tcp' | 'udp', Name, number])[]) =>
      Promise.all(list.map(async ([from, kind, to, port]) => `${from} ${kind} ${to} ${port} ${await ask(from, kind, address(to), port)}`))
    const wanted = [
      'front tcp db 6379 open',
      'front tcp db 6380 shut',
      'front udp db 5353 open',
      'front udp db 5355 shut',
      'front udp db 6379 shut',
      'other tcp db 6379 shut',
      'other udp db 5353 shut',
      'db tcp other 7000 open',
      'db tcp other 6379 shut',
      'db udp other 7000 shut',
      'db tcp front 7000 shut',
      'front tcp other 6380 open',
      'other udp front 5355 open',
      'host tcp db 6380 open',
      'host udp db 5355 open',
    ]
    const asked = wanted.map((each) => each.split(' ')).map(([from, kind, to, port]) => [from, kind, to, Number(port)] as never)
    expect(await all(asked)).toEqual(wanted)
    const { rules } = (await daemon.get('/api/v1/rules')).body as { rules: { name: string; packets: number }[] }
    expect(rules.every(({ name }) => name.startsWith('np.default.db.'))).toBe(true)
    const shut = wanted.filter((each) => each.endsWith('shut')).length
    expect(rules.reduce((sum, { packets }) => sum + packets, 0)).toBeGreaterThanOrEqual(shut)
  })
})
