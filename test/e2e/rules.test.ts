// SPDX-License-Identifier: Apache-2.0
// Rules on a live interface, with real clients and servers: the daemon in the server's namespace, XDP and TCX on its end of a veth
// pair.
import { statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { CLIENT, Pair, SERVER, unavailable } from '../lib/netns.js'
import { type Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { redis } from '../lib/servers/data.js'
import { nginx } from '../lib/servers/web.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/rules: skipped, ${reason}`)

interface Told {
  in_force: boolean
  rules: {
    name: string
    packets: number
    bytes: number
    flows: number
    dropped_packets: number
    enforced_at: string
    last_hit_seconds: number | null
  }[]
}

const ARTICLE = `rules:
  - name: article
    action: drop
    match: { transport: tcp, source: { ports: [22] }, destination: { ports: [80] } }
`
const PROTOCOLS = `rules:
  - name: no-redis
    action: drop
    match: { direction: in, protocol: redis }
  - name: http-seen
    action: drop
    audit: true
    match: { protocol: http1 }
`

/** The connection is reset in the end, so that its port is free at once. */
const GET = `
import socket, struct, sys
address, port, local = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
s.settimeout(2)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
try:
    s.bind(('', local))
    s.connect((address, port))
    s.sendall(b'GET / HTTP/1.0\\r\\nHost: a.example\\r\\n\\r\\n')
    print(s.recv(64).split()[1].decode())
except TimeoutError:
    print('timeout')
s.close()
`

/** Asks again and again on one connection, until there is no answer: prints how often there was one. */
const KEEP_ASKING = `
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
s.settimeout(2)
answers = 0
try:
    for _ in range(int((sys.argv + ['20'])[3])):
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n')
        if not s.recv(4096):
            break
        answers += 1
        time.sleep(0.2)
except OSError:
    pass
print(answers)
`

const WAIT_FOR_RESET = `
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
s.settimeout(10)
try:
    for _ in range(20):
        s.sendall(b'GET / HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n')
        if not s.recv(4096):
            print('closed')
            break
        time.sleep(0.2)
except ConnectionResetError:
    print('reset')
except OSError as error:
    print(error)
`

/** Asks a server that sends everything back for names, by one socket that is connected or not: how often it answered, and what went wrong. */
const ASK_NAMES = `
import socket, sys, threading, time
port, connected = int(sys.argv[1]), sys.argv[2] == 'connected'
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', port))
def echo():
    while True:
        data, who = server.recvfrom(1000)
        try:
            server.sendto(data[:2] + b'\\x81\\x80' + data[4:], who)
        except OSError:
            pass
threading.Thread(target=echo, daemon=True).start()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.2)
if connected:
    s.connect(('127.0.0.1', port))
answers, wrong = 0, 0
for i in range(15):
    query = bytes([0, i]) + b'\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x01a\\x07example\\x00\\x00\\x01\\x00\\x01'
    try:
        s.send(query) if connected else s.sendto(query, ('127.0.0.1', port))
        s.recv(1000)
        answers += 1
    except OSError:
        wrong += 1
    time.sleep(0.05)
print(answers, wrong)
`

/** Packets to the first port, as many as go in two seconds; to the second one every 20 ms until after the time given. */
const SEND = `
import json, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
begin = time.monotonic()
count = 0
while time.monotonic() - begin < 2:
    s.sendto(b'x', (sys.argv[1], int(sys.argv[2])))
    count += 1
    time.sleep(0.0002)
seconds = time.monotonic() - begin
while time.time() < float(sys.argv[4]) + 1.5:
    s.sendto(b'x', (sys.argv[1], int(sys.argv[3])))
    time.sleep(0.02)
print(json.dumps({'count': count, 'seconds': seconds}))
`
/** Packets that came to the first port; when the first one came to the second port. */
const RECEIVE = `
import json, select, socket, sys, time
a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
a.bind(('', int(sys.argv[1])))
b.bind(('', int(sys.argv[2])))
count, end = 0, time.monotonic() + 20
while time.monotonic() < end:
    for s in select.select([a, b], [], [], 1)[0]:
        s.recv(10)
        if s is b:
            print(json.dumps({'count': count, 'first': time.time()}))
            sys.exit()
        count += 1
print(json.dumps({'count': count, 'first': 0}))
`

describe.skipIf(reason !== undefined)('rules', () => {
  let dir: TempDir
  let pair: Pair
  let procs: Proc[] = []

  beforeEach(() => {
    sweep()
    dir = new TempDir('rules')
    pair = new Pair()
  })
  afterEach(async () => {
    await Promise.all(procs.map((p) => p.stop()))
    procs = []
    pair[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  /** The daemon with these rules from the start; every other setting of the wire view in `wire`. */
  async function start(rules: string, wire = ''): Promise<Daemon> {
    const folder = dir.dir('rules.d')
    writeFileSync(`${folder}/10-test.yaml`, rules)
    return Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'], config: `${wire}rules:\n  folder: ${folder}\n` })
  }
  /** Status of the answer to an HTTP request, from a port of its own when one is given; or `timeout`. */
  async function get(address: string, port: number, from = 0): Promise<string> {
    const argv = ['python3', '-c', GET, address, String(port), String(from)]
    return (await run(argv, { netns: pair.client.name })).stdout.trim()
  }
  const redisSays = async (port: number): Promise<string> => {
    const done = await run(['timeout', '3', 'redis-cli', '-h', SERVER.v4, '-p', String(port), 'SET', 'k', 'v'], {
      netns: pair.client.name,
      codes: [],
    })
    return done.stdout.trim()
  }
  /** In the words of `flow`: of a socket in the namespace of the server. */
  const here = (): string => `netns:${statSync(`/run/netns/${pair.server.name}`).ino}`
  const told = async (daemon: Daemon): Promise<Told> => (await daemon.get('/api/v1/rules')).body as Told
  const cli = (daemon: Daemon, ...args: string[]) => run(commandLine(...args, '--url', `unix:${daemon.socket}`), { codes: [] })

  it.each([
    ['XDP in the driver', '  mode: native\n'],
    ['generic XDP', '  mode: generic\n'],
    ['TC alone', '  mode: off\n  egress: clsact\n'],
  ])('source port 22 to destination port 80 is dropped, all else passes: %s', { timeout: 60_000 }, async (_name, wire) => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }, { port: 81 }]))
    await using daemon = await start(ARTICLE, wire)
    const incoming = !wire.includes('off')
    // Without XDP only what goes out is seen: the rule's mirror image then.
    if (!incoming) {
      const put = await cli(
        daemon,
        'rules',
        'apply',
        dir.file('out.yaml', ARTICLE.replace('source', 'end').replace('destination', 'source').replace('end', 'destination')),
      )
      expect(put.stderr + put.stdout).toContain('1 rules are in force')
    }
    for (const address of [SERVER.v4, SERVER.v6]) {
      expect(await get(address, 80, 22)).toBe('timeout')
      expect(await get(address, 80)).toBe('200')
      expect(await get(address, 81, 22)).toBe('200')
    }
    const { in_force, rules } = await told(daemon)
    expect(in_force).toBe(true)
    expect(rules[0]?.packets).toBeGreaterThanOrEqual(4)
    expect(rules[0]?.last_hit_seconds).toBeLessThan(30)
  })

  it('redis is dropped on whatever port once it is known, http on that port is not', { timeout: 60_000 }, async () => {
    procs.push(await redis(pair.server.name, dir, 7777))
    await using daemon = await start(PROTOCOLS)
    const stream = ['curl', '-sN', '--max-time', '12', '--unix-socket', daemon.socket, '-H', 'accept: application/x-ndjson']
    const events = run([...stream, 'http://localhost/api/v1/events'], { codes: [] })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await redisSays(7777)).toBe('')
    await procs.pop()?.stop()
    procs.push(await nginx(pair.server.name, dir, [{ port: 7777 }]))
    expect(await get(SERVER.v4, 7777)).toBe('200')
    const { rules } = await told(daemon)
    expect(rules[0]).toMatchObject({ name: 'no-redis', enforced_at: 'XDP (TC where XDP is not attached); after the verdict' })
    expect(rules[0]?.packets).toBeGreaterThan(0)
    expect(rules[1]?.packets).toBeGreaterThan(0)
    await until('the sampled drop', async () => {
      const { drops } = (await daemon.get('/api/v1/rules/drops')).body as { drops: Record<string, unknown>[] }
      const seen = drops.find((each) => each['rule'] === 'no-redis')
      return (
        seen?.['source.address'] === CLIENT.v4 &&
        seen['destination.port'] === 7777 &&
        JSON.stringify(seen['flowident.layers']) === '["redis"]'
      )
    })
    expect((await cli(daemon, 'rules', 'drops')).stdout).toMatch(/no-redis +tcp .* > .*:7777 +e0 +redis/)
    const { stdout: page } = await run(['curl', '-s', '--unix-socket', daemon.socket, 'http://localhost/metrics'], { codes: [] })
    const labels = '{rule="no-redis",action="drop",audit="false"}'
    for (const [name, least] of [
      ['packets_total', 1],
      ['dropped_packets_total', 1],
      ['flows_total', 1],
      ['bytes_total', 60],
    ] as const)
      expect(
        Number(
          page
            .split('\n')
            .find((line) => line.startsWith(`flowident_rule_${name}${labels}`))
            ?.split(' ')[1],
        ),
      ).toBeGreaterThanOrEqual(least)
    const lines = (await events).stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
    const drop = lines.find(({ event, packet }) => event === 'drop' && (packet as Record<string, unknown>)['rule'] === 'no-redis')
    expect(drop).toMatchObject({
      packet: { action: 'drop', audit: false, 'destination.port': 7777, 'flowident.layers': ['redis'] },
      flow: { 'destination.port': 7777 },
    })
  })

  it('a set is replaced by the API, only if it is the one that was meant; off works while the daemon hangs', {
    timeout: 60_000,
  }, async () => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }]))
    await using daemon = await start('rules: []')
    expect(await get(SERVER.v4, 80, 22)).toBe('200')
    const file = dir.file('a.yaml', ARTICLE)
    expect((await cli(daemon, 'rules', 'apply', file)).stdout).toBe('1 rules are in force\n')
    expect(await get(SERVER.v4, 80, 22)).toBe('timeout')
    const stale = await cli(daemon, 'rules', 'apply', dir.file('b.yaml', 'rules: []'), '--if-match', '"0"')
    expect(stale.stderr).toContain('the rules are')
    expect(stale.code).toBe(1)
    const broken = await cli(daemon, 'rules', 'apply', dir.file('c.yaml', ARTICLE.replace('drop', 'dorp')))
    expect(broken.stderr).toContain('c.yaml:3:13: action: expected drop or reject or pass')
    expect(await get(SERVER.v4, 80, 22)).toBe('timeout')
    expect((await cli(daemon, 'rules', 'show')).stdout).toMatch(/article +drop +XDP, TC egress +\d/)
    daemon.proc.signal('SIGSTOP')
    try {
      expect((await run(commandLine('rules', 'off'), { codes: [] })).stdout).toContain('rules are off')
      expect(await get(SERVER.v4, 80, 22)).toBe('200')
    } finally {
      daemon.proc.signal('SIGCONT')
    }
    expect((await told(daemon)).in_force).toBe(false)
    expect((await cli(daemon, 'rules', 'show')).stderr).toContain('switched off')
    expect((await cli(daemon, 'rules', 'apply', file)).stdout).toBe('1 rules are in force\n')
    expect(await get(SERVER.v4, 80, 22)).toBe('timeout')
  })

  it('a rate holds within 5 % on the wire; a rule expires while the daemon hangs', { timeout: 60_000 }, async () => {
    const soon = new Date(Date.now() + 14_000)
    await using daemon = await start(`rules:
  - { name: slow, action: rate-limit, rate: { packets_per_second: 400, burst: 100 }, match: { transport: udp, destination: { ports: [9999] } } }
  - { name: closed, action: drop, expires: "${soon.toISOString()}", match: { transport: udp, destination: { ports: [9998] } } }
`)
    daemon.proc.signal('SIGSTOP')
    try {
      const receive = run(['python3', '-c', RECEIVE, '9999', '9998'], { netns: pair.server.name })
      const sent = JSON.parse(
        (await run(['python3', '-c', SEND, SERVER.v4, '9999', '9998', String(soon.getTime() / 1000)], { netns: pair.client.name })).stdout,
      )
      const got = JSON.parse((await receive).stdout) as { count: number; first: number }
      const wanted = 100 + 400 * sent.seconds
      expect(sent.count).toBeGreaterThan(2 * wanted)
      expect(got.count).toBeGreaterThan(0.95 * wanted)
      expect(got.count).toBeLessThan(1.05 * wanted)
      // One packet each 20 ms to the other port: the first that arrives is the first after the rule expired.
      expect(got.first - soon.getTime() / 1000).toBeGreaterThan(-0.02)
      expect(got.first - soon.getTime() / 1000).toBeLessThan(0.3)
    } finally {
      daemon.proc.signal('SIGCONT')
    }
    expect((await told(daemon)).rules[1]?.packets).toBeGreaterThan(0)
  })

  it('labels and owners decide: a flow is dropped once the daemon knows, others pass', { timeout: 60_000 }, async () => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }]))
    await using daemon = await start('rules: []')
    const asking = async (): Promise<number> =>
      Number((await run(['python3', '-c', KEEP_ASKING, SERVER.v4, '80'], { netns: pair.client.name })).stdout.trim())
    const put = async (match: string, front = '') =>
      expect(
        (
          await cli(
            daemon,
            'rules',
            'apply',
            dir.file('f.yaml', `rules:${front}\n  - { name: by-flow, action: drop, match: { flow: '${match}' } }\n`),
          )
        ).stdout,
      ).toContain('rules are in force')
    for (const [match, dropped] of [
      // Sockets of other network namespaces are none of this test's.
      ['http.host:*.example', true],
      ['http.host:*.example.org', false],
      ['process:nginx dport:80', true],
      ['process:redis-server', false],
      ['-process:nginx', false],
    ] as const) {
      await put(`${match} ${here()}`)
      const answers = await asking()
      if (dropped) expect(answers, match).toBeLessThan(10)
      else expect(answers, match).toBe(20)
      const { rules } = await told(daemon)
      expect((rules[0]?.packets ?? 0) > 0, match).toBe(dropped)
    }
    await put(`process:nginx ${here()}`, `\n  - { name: ok, action: pass, match: { source: { cidrs: [${CLIENT.v4}] } } }`)
    expect(await asking()).toBe(20)
  })

  it('labels and owners decide beside other conditions, with other actions', { timeout: 60_000 }, async () => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }]))
    await using daemon = await start('rules: []')
    const asking = async (): Promise<number> =>
      Number((await run(['python3', '-c', KEEP_ASKING, SERVER.v4, '80', '6'], { netns: pair.client.name })).stdout.trim())
    const apply = async (...rules: string[]) =>
      expect((await cli(daemon, 'rules', 'apply', dir.file('f.yaml', `rules: [${rules.join(', ')}]`))).stdout).toContain('in force')
    const first = async () => (await told(daemon)).rules[0]
    const ofNginx = (action: string, more: string) => `{ name: f, ${action}, match: { flow: 'process:nginx ${here()}', ${more} } }`
    await apply(ofNginx('action: drop', 'direction: in, destination: { ports: [81] }'))
    expect(await asking()).toBe(6)
    await apply(ofNginx('action: drop, audit: true', 'transport: tcp'))
    expect(await asking()).toBe(6)
    expect(await first()).toMatchObject({ dropped_packets: 0, flows: expect.toSatisfy((flows: number) => flows > 0) })
    expect((await first())?.packets).toBeGreaterThan(6)
    await apply(
      ofNginx('action: pass', 'transport: tcp'),
      '{ name: all, action: drop, match: { transport: tcp, destination: { ports: [80] } } }',
    )
    expect(await asking()).toBe(6)
    expect((await first())?.packets).toBeGreaterThan(6)
    await apply(ofNginx('action: rate-limit, rate: { packets_per_second: 1, burst: 1 }', 'transport: tcp'))
    await asking()
    expect((await first())?.dropped_packets).toBeGreaterThan(0)
    await apply(ofNginx('action: drop', `interface: "*", source: { cidrs: [${CLIENT.v4}] }, not: { destination: { ports: [81] } }`))
    expect(await asking()).toBeLessThan(6)
    expect((await first())?.dropped_packets).toBeGreaterThan(0)
  })

  it('flows that cross no watched interface are decided at their sockets', { timeout: 60_000 }, async () => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }]))
    await using daemon = await start('rules: []')
    const asking = async (address: string): Promise<number> =>
      Number((await run(['python3', '-c', KEEP_ASKING, address, '80', '6'], { netns: pair.server.name })).stdout.trim())
    const apply = async (text: string) =>
      expect((await cli(daemon, 'rules', 'apply', dir.file('f.yaml', text))).stdout).toContain('in force')
    const first = async () => (await told(daemon)).rules[0]
    const ofNginx = (action: string, more = '') => `rules: [{ name: f, ${action}, match: { flow: 'process:nginx ${here()}'${more} } }]`
    await apply(ofNginx('action: drop, audit: true', ', direction: in'))
    expect(await asking('127.0.0.1')).toBe(6)
    expect(await first()).toMatchObject({ dropped_packets: 0, flows: 1, enforced_at: expect.stringContaining('cgroup') })
    expect((await first())?.packets).toBeGreaterThan(6)
    // A socket does not know interfaces, and nothing is dropped of flows that others have.
    await apply(ofNginx('action: drop', ', not: { interface: e9 }'))
    expect(await asking('127.0.0.1')).toBe(6)
    await apply(ofNginx('action: drop', ', destination: { ports: [81] }'))
    expect(await asking(SERVER.v4)).toBe(6)
    await apply(ofNginx('action: drop', ', source: { ports: [80] }'))
    expect(await asking(SERVER.v4)).toBeLessThan(6)
    expect((await first())?.dropped_packets).toBeGreaterThan(0)
    await apply(ofNginx('action: rate-limit, rate: { packets_per_second: 1, burst: 1 }'))
    await asking('127.0.0.1')
    expect((await first())?.dropped_packets).toBeGreaterThan(0)
    await apply('contracts: [{ service: nginx, speaks: [tls], action: drop }]')
    expect(await asking('127.0.0.1')).toBeLessThan(6)
    expect(JSON.parse((await cli(daemon, 'rules', 'contracts', '--json')).stdout).contracts[0]?.dropped).toBeGreaterThan(0)
    expect((await first())?.dropped_packets).toBeGreaterThan(0)
  })

  it('datagrams of sockets that are connected or not are decided at their sockets too', { timeout: 60_000 }, async () => {
    await using daemon = await start('rules: []')
    const asking = async (port: number, how: string): Promise<number> =>
      Number((await run(['python3', '-c', ASK_NAMES, String(port), how], { netns: pair.server.name })).stdout.split(' ')[0])
    const apply = async (name: string) => {
      const text = `rules: [{ name: f, action: drop, match: { transport: udp, flow: 'dns.question.name:${name} ${here()}' } }]`
      expect((await cli(daemon, 'rules', 'apply', dir.file('f.yaml', text))).stdout).toContain('in force')
    }
    await apply('*.example.org')
    expect(await asking(5301, 'connected')).toBe(15)
    await apply('a.example')
    for (const [port, how] of [
      [5302, 'connected'],
      [5303, 'free'],
    ] as const) {
      const answers = await asking(port, how)
      expect(answers, how).toBeGreaterThan(0)
      expect(answers, how).toBeLessThan(15)
    }
    expect((await told(daemon)).rules[0]?.dropped_packets).toBeGreaterThan(0)
  })

  it('connections of local sockets are reset when a rule asks for it', { timeout: 60_000 }, async () => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }]))
    await using daemon = await start('rules: []')
    const text = `rules: [{ name: f, action: drop, reset: true, match: { flow: 'process:nginx ${here()}' } }]`
    expect((await cli(daemon, 'rules', 'apply', dir.file('f.yaml', text))).stdout).toContain('in force')
    expect((await cli(daemon, 'rules', 'show')).stdout).toContain('drop (reset)')
    for (const [netns, address] of [
      [pair.client.name, SERVER.v4],
      [pair.client.name, SERVER.v6],
      [pair.server.name, '127.0.0.1'],
    ] as const)
      expect((await run(['python3', '-c', WAIT_FOR_RESET, address, '80'], { netns })).stdout.trim(), address).toBe('reset')
  })

  it("a contract that is broken is told, or drops the flow once it is known: and no other service's", { timeout: 60_000 }, async () => {
    procs.push(await nginx(pair.server.name, dir, [{ port: 80 }]))
    await using daemon = await start('contracts: [{ service: nginx, speaks: [tls] }]')
    const asking = async (): Promise<number> =>
      Number((await run(['python3', '-c', KEEP_ASKING, SERVER.v4, '80'], { netns: pair.client.name })).stdout.trim())
    const state = async () => JSON.parse((await cli(daemon, 'rules', 'contracts', '--json')).stdout)
    expect(await asking()).toBe(20)
    expect((await state()).contracts[0]).toMatchObject({ deviating: 1, dropped: 0 })
    const put = (text: string) => cli(daemon, 'rules', 'apply', dir.file('c.yaml', text))
    expect((await put('contracts: [{ service: nginx, speaks: [tls], action: drop }]')).stdout).toBe('0 rules, 1 contracts are in force\n')
    expect(await asking()).toBeLessThan(10)
    const broken = (await state()).contracts[0]
    expect(broken.kept).toBe(0)
    expect(broken.dropped).toBeGreaterThan(0)
    expect((await told(daemon)).rules[0]?.packets).toBeGreaterThan(0)
    await put('contracts: [{ service: nginx, speaks: [http1], action: drop }, { service: redis, speaks: tls, action: drop }]')
    expect(await asking()).toBe(20)
    const kept = (await state()).contracts[0]
    expect(kept).toMatchObject({ deviating: 0, dropped: 0 })
    expect(kept.kept).toBeGreaterThan(0)
    const learned = await cli(daemon, 'learn', '--service', 'nginx')
    expect(learned.stdout).toContain('speaks: [http1]')
    expect((await run(commandLine('rules', 'check', dir.file('l.yaml', learned.stdout)), { codes: [] })).stdout).toBe(
      '0 rules, 1 contracts, no mistakes\n',
    )
  })
})
