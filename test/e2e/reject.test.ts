// SPDX-License-Identifier: Apache-2.0
// Rules that reject, with real clients: they are refused at once where a drop would let them wait, and all that they are sent is right.
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Capture } from '../lib/capture.js'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { CLIENT, Pair, SERVER, unavailable } from '../lib/netns.js'
import { Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { nginx } from '../lib/servers/web.js'
import { ethernet, ip, tcpSegment, udpSegment } from '../lib/synth.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/reject: skipped, ${reason}`)

/** Frames with tag 5, as a client of that VLAN sends them: connections to port 80 and datagrams to port 53. */
const TAGGED = [
  ip('10.78.0.2', '10.78.0.1', 6, tcpSegment(4000, 80, 7, 0, 2, Buffer.alloc(0)), 16),
  ip('10.78.0.2', '10.78.0.1', 17, udpSegment(4000, 53, Buffer.from('hello')), 6),
  ip('fd78::2', 'fd78::1', 6, tcpSegment(4000, 80, 7, 0, 2, Buffer.alloc(0)), 16),
  ip('fd78::2', 'fd78::1', 17, udpSegment(4000, 53, Buffer.from('hello')), 6),
].map((packet) => {
  const frame = ethernet(packet)
  return Buffer.concat([frame.subarray(0, 12), Buffer.from('81000005', 'hex'), frame.subarray(12)]).toString('hex')
})
const SEND_FRAMES = `
import socket, sys
x = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
x.bind(('e0', 0))
for frame in sys.argv[1:]:
    x.send(bytes.fromhex(frame))
`
const RULES = `rules:
  - { name: no-web, action: reject, match: { transport: tcp, destination: { ports: [80] } } }
  - { name: no-dns, action: reject, match: { transport: udp, destination: { ports: [53] } } }
  - { name: no-redis, action: reject, match: { protocol: redis } }
  - { name: no-ping, action: reject, match: { icmp: echo-request } }
  - { name: no-tracker, action: reject, match: { flow: "http.host:*.tracker.example" } }
`
/** Echoes datagrams and what connections send, on these ports. */
const SERVE = `
import selectors, socket, sys
s = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        x = socket.socket(socket.AF_INET6, kind)
        x.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        x.bind(('::', port))
        if kind == socket.SOCK_STREAM:
            x.listen()
        s.register(x, selectors.EVENT_READ, kind)
print('ready', flush=True)
while True:
    for key, _ in s.select():
        x = key.fileobj
        if key.data == socket.SOCK_STREAM:
            s.register(x.accept()[0], selectors.EVENT_READ, 0)
        elif key.data == socket.SOCK_DGRAM:
            x.sendto(*x.recvfrom(2000))
        else:
            try:
                data = x.recv(2000)
                x.sendall(data)
            except OSError:
                data = b''
            if not data:
                s.unregister(x)
                x.close()
`
/** How it went, as \`errno name\` or \`answered\`; a wait of more than three seconds is a timeout. */
const ASK = `
import errno, socket, sys
kind, address, port, say = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
x = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
x.settimeout(3)
try:
    x.connect((address, port))
    x.sendall(say)
    print('answered' if x.recv(2000) else 'closed')
except TimeoutError:
    print('timeout')
except OSError as e:
    print(errno.errorcode[e.errno])
`
/** Asks again and again on one connection; how that ends. */
const KEEP_ASKING = `
import errno, socket, sys, time
x = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
x.settimeout(3)
try:
    for _ in range(int(sys.argv[4])):
        x.sendall(b'GET / HTTP/1.1\\r\\nHost: ' + sys.argv[3].encode() + b'\\r\\n\\r\\n')
        x.recv(4096)
        time.sleep(0.2)
    print('answered')
except TimeoutError:
    print('timeout')
except OSError as e:
    print(errno.errorcode[e.errno])
`
const PING = '*1\r\n$4\r\nPING\r\n'

describe.skipIf(reason !== undefined)('rules that reject, on the wire', () => {
  let dir: TempDir
  let pair: Pair
  let procs: Proc[] = []

  beforeEach(() => {
    sweep()
    dir = new TempDir('reject')
    pair = new Pair()
    // As on a real wire: tags and checksums are in the packets; and what XDP sends is received.
    for (const ns of [pair.server, pair.client]) ns.exec('ethtool', '-K', 'e0', 'txvlan', 'off', 'rxvlan', 'off', 'tx', 'off', 'gro', 'on')
  })
  afterEach(async () => {
    await Promise.all(procs.map((p) => p.stop()))
    procs = []
    pair[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  async function start(rules: string, wire: string): Promise<Daemon> {
    const folder = dir.dir('rules.d')
    writeFileSync(`${folder}/10-test.yaml`, rules)
    return Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'], config: `${wire}rules:\n  folder: ${folder}\n` })
  }
  async function serve(netns: string, ...ports: number[]): Promise<void> {
    const proc = new Proc(['python3', '-c', SERVE, ...ports.map(String)], { netns })
    procs.push(proc)
    await until('the server', () => proc.stdout.includes('ready'))
  }
  const ask = async (netns: string, kind: 'tcp' | 'udp', address: string, port: number, say = 'hello'): Promise<string> =>
    (await run(['python3', '-c', ASK, kind, address, String(port), say], { netns })).stdout.trim()

  it.each([
    // A veth pair takes what XDP sends only when both ends have a program.
    ['XDP in the driver', 'native', 'client'],
    ['generic XDP', 'generic', undefined],
    ['TC, where XDP is somebody else’s', 'auto', 'server'],
  ] as const)('refuses at once, IPv4, IPv6 and VLAN: %s', { timeout: 90_000 }, async (_name, mode, other) => {
    await serve(pair.server.name, 80, 53, 7777)
    const holds = { interfaces: ['e0'], config: '  mode: native\n  egress: off\n' }
    await using holder = other && (await Daemon.start(dir, { netns: pair[other].name, ...holds }))
    await using daemon = await start(RULES, `  mode: ${mode}\n`)
    await using capture = await Capture.start(pair.client, 'e0', dir.file('c.pcap'))
    for (const address of [SERVER.v4, SERVER.v6]) {
      expect(await ask(pair.client.name, 'tcp', address, 80), address).toBe('ECONNREFUSED')
      expect(await ask(pair.client.name, 'udp', address, 53), address).toBe('ECONNREFUSED')
      expect(await ask(pair.client.name, 'tcp', address, 7777), address).toBe('answered')
      expect(await ask(pair.client.name, 'udp', address, 7777), address).toBe('answered')
      expect(await ask(pair.client.name, 'tcp', address, 7777, PING), address).toBe('ECONNRESET')
      const ping = await run(['ping', '-c', '1', '-W', '3', address], { netns: pair.client.name, codes: [] })
      expect(ping.stdout, address).toMatch(/filtered|prohibited/i)
    }
    await run(['python3', '-c', SEND_FRAMES, ...TAGGED], { netns: pair.client.name })
    await capture.stop()
    const { stdout } = await run(['tcpdump', '-vv', '-n', '-r', capture.file, `src host ${SERVER.v4} or src host ${SERVER.v6} or vlan 5`])
    expect(stdout).toMatch(/Flags \[R\.?\], cksum 0x[0-9a-f]+ \(correct\)/)
    expect(stdout).toMatch(/udp port 53 unreachable/)
    const tagged = await run(['tcpdump', '-e', '-vv', '-n', '-r', capture.file, 'vlan 5 and (src host 10.78.0.1 or src host fd78::1)'])
    expect(
      tagged.stdout.match(/10\.78\.0\.1\.80 > 10\.78\.0\.2\.4000: Flags \[R\.\], cksum 0x[0-9a-f]+ \(correct\), seq 0, ack 8/g),
    ).toHaveLength(1)
    expect(tagged.stdout.match(/fd78::1\.80 > fd78::2\.4000: Flags \[R\.\], cksum 0x[0-9a-f]+ \(correct\), seq 0, ack 8/g)).toHaveLength(1)
    expect(tagged.stdout.match(/10\.78\.0\.1 udp port 53 unreachable/g)).toHaveLength(1)
    expect(tagged.stdout.match(/unreachable port, fd78::1 udp port 53/g)).toHaveLength(1)
    expect(stdout).not.toMatch(/incorrect|bad .?cksum|wrong .*cksum/)
    expect((await run(commandLine('rules', 'show', '--url', `unix:${daemon.socket}`))).stdout).toMatch(/no-web +reject +XDP, TC egress +\d/)
    const { stdout: page } = await run(['curl', '-s', '--unix-socket', daemon.socket, 'http://localhost/metrics'])
    expect(Number(/^flowident_rule_answers_total (\d+)$/m.exec(page)?.[1])).toBeGreaterThanOrEqual(12)
    expect(holder?.proc.running ?? true).toBe(true)
  })

  it.each(['native', 'generic'])(
    'what this host itself sends is refused to its own programs, with XDP %s',
    { timeout: 60_000 },
    async (mode) => {
      await serve(pair.client.name, 80, 53, 7777)
      await using _daemon = await start(RULES, `  mode: ${mode}\n`)
      procs.push(await nginx(pair.client.name, dir, [{ port: 8080 }]))
      for (const address of [CLIENT.v4, CLIENT.v6]) {
        const keepAsking = (host: string, times: number) =>
          run(['python3', '-c', KEEP_ASKING, address, '8080', host, String(times)], { netns: pair.server.name, limit: 40_000 })
        expect((await keepAsking('a.tracker.example', 100)).stdout.trim(), address).toBe('ECONNRESET')
        expect((await keepAsking('a.example', 3)).stdout.trim(), address).toBe('answered')
        expect(await ask(pair.server.name, 'tcp', address, 80), address).toBe('ECONNREFUSED')
        expect(await ask(pair.server.name, 'udp', address, 53), address).toBe('ECONNREFUSED')
        expect(await ask(pair.server.name, 'tcp', address, 7777), address).toBe('answered')
        expect(await ask(pair.server.name, 'tcp', address, 7777, PING), address).toBe('ECONNRESET')
      }
    },
  )
})
