// SPDX-License-Identifier: Apache-2.0
// What the daemon says of TCP connections against what the client's own clock and its kernel's TCP_INFO say.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Daemon, daemonUnavailable } from '../lib/daemon.js'
import { metric } from '../lib/metric.js'
import { CLIENT, Pair, SERVER, unavailable } from '../lib/netns.js'
import { Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/connections: skipped, ${reason}`)

/** Echoes; `reset` is answered with RST. */
const SERVE = `
import socket, struct, sys, threading
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('ready', flush=True)
def talk(c):
    try:
        while d := c.recv(1000):
            if d.startswith(b'reset'):
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                break
            c.sendall(d)
    except OSError:
        pass
    c.close()
while True:
    c, _ = s.accept()
    threading.Thread(target=talk, args=(c,), daemon=True).start()
`
/** A wire of 10 ms each way: packets to 10.79.0.2 come back as packets from it (swapping addresses keeps checksums right). */
const WIRE = `
import fcntl, heapq, os, select, struct, subprocess, time
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH', b'wire0', 0x1001))
subprocess.run('ip address add 10.79.0.1/24 dev wire0 && ip link set wire0 up', shell=True, check=True)
print('ready', flush=True)
waiting = []
while True:
    now = time.monotonic()
    if select.select([tun], [], [], max(0, waiting[0][0] - now) if waiting else None)[0]:
        p = os.read(tun, 65536)
        if p[0] >> 4 == 4:
            heapq.heappush(waiting, (time.monotonic() + 0.01, p[:12] + p[16:20] + p[12:16] + p[20:]))
    while waiting and waiting[0][0] <= time.monotonic():
        os.write(tun, heapq.heappop(waiting)[1])
`
/** Connects so many times; prints the sums that the client measured: connect and its kernel's smoothed RTT, microseconds. */
const ASK = `
import socket, sys, time
setup = rtt = 0
for i in range(int(sys.argv[3])):
    c = socket.socket()
    t = time.perf_counter_ns()
    c.connect((sys.argv[1], int(sys.argv[2])))
    setup += (time.perf_counter_ns() - t) // 1000
    c.sendall(b'SSH-2.0-client\\r\\n')
    c.recv(1000)
    for j in range(5):
        c.sendall(b'x' * 64)
        c.recv(1000)
    time.sleep(0.005)
    info = c.getsockopt(6, 11, 104)
    rtt += int.from_bytes(info[68:72], 'little')
    c.close()
print(setup, rtt)
`
/** Connects; with a word, says it and waits for the end. Prints the error's number. */
const FAIL = `
import socket, sys
try:
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    c.sendall(b'SSH-2.0-client\\r\\n')
    c.recv(1000)
    c.sendall(sys.argv[3].encode())
    while c.recv(1000):
        pass
except OSError as e:
    print(e.errno)
`
/** Loses its peer in the middle; prints what its kernel sent again by then. */
const LOSE = `
import socket, sys, time
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.sendall(b'SSH-2.0-client\\r\\n')
c.recv(1000)
print('connected', flush=True)
sys.stdin.readline()
c.sendall(b'lost')
time.sleep(1.5)
print('resent', int.from_bytes(c.getsockopt(6, 11, 104)[100:104], 'little'), flush=True)
sys.stdin.readline()
`

describe.skipIf(reason !== undefined)('connections', () => {
  let dir: TempDir
  let pair: Pair
  let daemon: Daemon
  const procs: Proc[] = []
  const PORT = '2299'

  const page = async (): Promise<string> => (await daemon.get('/metrics')).text
  const client = (script: string, ...args: string[]) => run(['python3', '-c', script, ...args], { netns: pair.client.name })
  /** What the client's namespace says it sent again. */
  const resentByAll = () => {
    const [names = '', values = ''] = pair.client.exec('grep', '^Tcp:', '/proc/net/snmp').split('\n')
    return Number(values.split(' ')[names.split(' ').indexOf('RetransSegs')])
  }
  const ours = { protocol: 'ssh', role: 'client' }

  beforeAll(async () => {
    sweep()
    dir = new TempDir('connections')
    pair = new Pair()
    daemon = await Daemon.start(dir)
    for (const [script, address, ns] of [
      [SERVE, SERVER.v4, pair.server],
      [SERVE, '0.0.0.0', pair.client],
      [WIRE, '', pair.client],
    ] as const) {
      const proc = new Proc(['python3', '-c', script, address, PORT], { netns: ns.name })
      procs.push(proc)
      await until('server or wire', () => proc.stdout.includes('ready'))
    }
  }, 60_000)
  afterAll(async () => {
    await Promise.all(procs.map((proc) => proc.stop()))
    await daemon?.[Symbol.asyncDispose]()
    pair?.[Symbol.dispose]()
    dir?.[Symbol.dispose]()
  })

  it('take as long to set up, and for a round trip, as the client says', async () => {
    const { stdout } = await client(ASK, '10.79.0.2', PORT, '20')
    const [setup = 0, rtt = 0] = stdout.trim().split(' ').map(Number)
    await until('both ends of all connections', async () => metric(await page(), 'flowident_connection_setup_seconds_count') >= 40)
    const text = await page()
    const [ourSetup, ourRtt] = ['connection_setup', 'tcp_rtt'].map((name) => metric(text, `flowident_${name}_seconds_sum`, ours) * 1e6)
    console.log(`set-up ${ourSetup} of ${setup} us, round trip ${ourRtt} of ${rtt} us over 20 connections`)
    expect(Math.abs((ourSetup ?? 0) - setup) / setup).toBeLessThan(0.05)
    expect(Math.abs((ourRtt ?? 0) - rtt) / rtt).toBeLessThan(0.05)
    expect(metric(text, 'flowident_connection_setup_seconds_bucket', { ...ours, le: '0.01' })).toBe(0)
    expect(metric(text, 'flowident_connection_setup_seconds_bucket', { ...ours, le: '0.05' })).toBe(20)
    expect(metric(text, 'flowident_tcp_rtt_seconds_count', ours)).toBe(20)
    // Its other end.
    expect(metric(text, 'flowident_connection_setup_seconds_count', { ...ours, role: 'server' })).toBe(20)
    expect(metric(text, 'flowident_connection_errors_total', {})).toBe(0)
  }, 30_000)

  it('that are refused, reset, aborted or unreachable are counted as that', async () => {
    const errors = async (labels: Record<string, string>) => metric(await page(), 'flowident_connection_errors_total', labels)
    expect((await client(FAIL, SERVER.v4, '2', 'x')).stdout.trim()).toBe('111')
    expect((await client(FAIL, SERVER.v4, PORT, 'reset')).stdout.trim()).toBe('104')
    expect((await client(FAIL, '10.77.0.99', PORT, 'x')).stdout.trim()).toBe('113')
    pair.client.sysctl('net.ipv4.tcp_syn_retries', 1)
    pair.server.exec('ip', 'route', 'add', 'blackhole', '10.78.0.0/24')
    pair.client.exec('ip', 'route', 'add', '10.78.0.0/24', 'via', SERVER.v4)
    pair.server.sysctl('net.ipv4.ip_forward', 1)
    const { stdout } = await client(FAIL, '10.78.0.1', PORT, 'x')
    const silent = stdout.trim() === '110' ? 'timeout' : 'unreachable'
    await until('all errors', async () => (await errors({})) >= 5)
    expect(await errors({ error: 'refused', role: 'client' })).toBe(1)
    expect(await errors({ error: 'reset', ...ours })).toBe(1)
    expect(await errors({ error: 'aborted', protocol: 'ssh', role: 'server' })).toBe(1)
    expect(await errors({ error: 'unreachable' })).toBe(silent === 'timeout' ? 1 : 2)
    expect(await errors({ error: 'timeout' })).toBe(silent === 'timeout' ? 1 : 0)
    expect(resentByAll()).toBeGreaterThan(0)
    expect(metric(await page(), 'flowident_tcp_retransmits_total', { role: 'client' })).toBe(resentByAll())
  }, 60_000)

  it('retransmit as often as the kernel says, while they are open', async () => {
    const resent = async () => metric(await page(), 'flowident_tcp_retransmits_total', ours)
    const before = await resent()
    const proc = new Proc(['python3', '-c', LOSE, SERVER.v4, PORT], { netns: pair.client.name, talk: true })
    await until('the connection', () => proc.stdout.includes('connected'))
    pair.server.ip('route', 'add', 'blackhole', CLIENT.v4)
    proc.say('go\n')
    await until('losses', () => proc.stdout.includes('resent'))
    const truth = Number(/resent (\d+)/.exec(proc.stdout)?.[1])
    const counted = (await resent()) - before
    await proc.stop('SIGKILL')
    console.log(`${counted} retransmissions counted, TCP_INFO says ${truth}`)
    expect(truth).toBeGreaterThan(1)
    expect(Math.abs(counted - truth)).toBeLessThanOrEqual(1) // one may come between the two readings
  }, 60_000)
})
