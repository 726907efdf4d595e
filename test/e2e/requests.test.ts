// SPDX-License-Identifier: Apache-2.0
// Durations of requests against what the client measured with its own clock: real servers and clients, each seen from both ends.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Daemon, daemonUnavailable } from '../lib/daemon.js'
import { metric } from '../lib/metric.js'
import { Pair, SERVER, unavailable } from '../lib/netns.js'
import { Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/requests: skipped, ${reason}`)

/** /FORM/MS/BYTES: the answer begins after so many milliseconds and has so many bytes. */
const SERVE = `
const { createServer } = require('node:http')
createServer((request, response) => {
  request.resume().on('end', () => {
    const [, form, ms, bytes] = request.url.split('/')
    setTimeout(() => {
      const body = Buffer.alloc(Number(bytes), 'x')
      response.statusCode = form === 'missing' ? 404 : 200
      if (form !== 'chunks') response.setHeader('Content-Length', body.length)
      if (form !== 'chunks') return response.end(body)
      for (let at = 0; at < body.length; at += 5000) response.write(body.subarray(at, at + 5000))
      response.end()
    }, Number(ms))
  })
}).listen(Number(process.argv[2]), process.argv[1], () => console.log('ready'))
`
/** Asks with plain sockets; prints for each kind of request how many there were and how long they took, in microseconds. */
const ASK = `
import json, socket, sys, time
address = (sys.argv[1], int(sys.argv[2]))
sums = {}
def note(kind, began, n=1):
    count, us = sums.get(kind, (0, 0))
    sums[kind] = (count + n, us + n * (time.perf_counter_ns() - began) // 1000)
def head(method, path, host='a.example', extra=''):
    return f'{method} {path} HTTP/1.1\\r\\nHost: {host}\\r\\n{extra}\\r\\n'.encode()
def answer(f, method='GET'):
    status, length, chunked = f.readline(), None, False
    while (row := f.readline()) != b'\\r\\n':
        if row.lower().startswith(b'content-length:'):
            length = int(row.split(b':')[1])
        chunked |= row.lower().startswith(b'transfer-encoding: chunked')
    if chunked:
        while size := int(f.readline(), 16):
            f.read(size + 2)
        f.readline()
    elif method != 'HEAD':
        while length:
            length -= len(f.read(min(length, 65536)))
c = socket.create_connection(address)
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
f = c.makefile('rb', buffering=1 << 20)
for method, path, count in (('GET', '/small/20/10', 10), ('GET', '/missing/20/10', 5), ('HEAD', '/small/20/10', 5), ('GET', '/large/30/30000000', 3), ('GET', '/chunks/30/3000000', 3)):
    for i in range(count):
        t = time.perf_counter_ns()
        c.sendall(head(method, path))
        answer(f, method)
        note(method + path, t)
for i in range(5): # a body that comes late, in parts
    t = time.perf_counter_ns()
    c.sendall(head('POST', '/post/10/10', extra='Content-Length: 2000000\\r\\n'))
    for j in range(20):
        c.sendall(b'y' * 100000)
        time.sleep(0.002)
    answer(f)
    note('POST/post/10/10', t)
t = time.perf_counter_ns() # ten at once: each waits for those in front of it
c.sendall(b''.join(head('GET', '/pipe/20/1000', 'b.example') for i in range(10)))
for i in range(10):
    answer(f)
    note('GET/pipe/20/1000', t)
c.sendall(head('GET', '/gone/5000/10'))
time.sleep(0.1)
c.close()
print(json.dumps(sums))
`
/** A name server that answers after 20 ms, and not at all for MX. */
const NAMES = `
import socket, sys, threading
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print('ready', flush=True)
while True:
    q, peer = s.recvfrom(512)
    kind = int.from_bytes(q[-4:-2], 'big')
    if kind != 15:
        code = 3 if kind == 33 else 0
        threading.Timer(0.02, s.sendto, (q[:2] + bytes([0x81, 0x80 | code]) + q[4:], peer)).start()
`
const LOOKUP = `
import json, socket, sys, time
sums = {}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20):
    for kind in (16, 33):
        q = i.to_bytes(2, 'big') + bytes.fromhex('01000001000000000000') + b'\\x04test\\x07example\\0' + bytes([0, kind, 0, 1])
        t = time.perf_counter_ns()
        s.sendto(q, (sys.argv[1], int(sys.argv[2])))
        s.recv(512)
        count, us = sums.get(kind, (0, 0))
        sums[kind] = (count + 1, us + (time.perf_counter_ns() - t) // 1000)
s.sendto(b'\\0\\x63' + bytes.fromhex('01000001000000000000') + b'\\x04test\\x07example\\0' + bytes([0, 15, 0, 1]), (sys.argv[1], int(sys.argv[2])))
print(json.dumps(sums))
`

/** Commands that take 20 ms, one after the other and three at once. */
const STORE = `
import json, socket, sys, time
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
f = c.makefile('rb')
def word(*words):
    return b''.join([b'*%d\\r\\n' % len(words)] + [b'$%d\\r\\n%s\\r\\n' % (len(w), w) for w in words])
c.sendall(word(b'PING')) # what names the protocol at once
f.readline()
count = us = 0
for times in [1] * 10 + [3] * 5:
    t = time.perf_counter_ns()
    c.sendall(word(b'DEBUG', b'SLEEP', b'0.02') * times)
    for i in range(times):
        f.readline()
        count += 1
        us += (time.perf_counter_ns() - t) // 1000
print(json.dumps({'sleep': (count, us)}))
`

type Sums = Record<string, [count: number, us: number]>

describe.skipIf(reason !== undefined)('requests', () => {
  let dir: TempDir
  let pair: Pair
  let daemon: Daemon
  const procs: Proc[] = []

  const page = async (): Promise<string> => (await daemon.get('/metrics')).text
  const client = async (script: string, port: string): Promise<Sums> => {
    const { code, stdout, stderr } = await run(['python3', '-c', script, SERVER.v4, port], { netns: pair.client.name })
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as Sums
  }

  beforeAll(async () => {
    sweep()
    dir = new TempDir('requests')
    pair = new Pair({ offloads: true })
    daemon = await Daemon.start(dir, { config: 'requests:\n  enabled: true\n  templates: ["/{form}/{ms}/{bytes}"]\n' })
    for (const argv of [
      [process.execPath, '-e', SERVE, SERVER.v4, '8080'],
      ['python3', '-c', NAMES, SERVER.v4, '5353'],
      ['redis-server', '--port', '16379', '--bind', SERVER.v4, '--save', '', '--enable-debug-command', 'yes', '--protected-mode', 'no'],
    ]) {
      const proc = new Proc(argv, { netns: pair.server.name })
      procs.push(proc)
      await until('the server', () => /ready/i.test(proc.stdout))
    }
  }, 60_000)
  afterAll(async () => {
    await Promise.all(procs.map((proc) => proc.stop()))
    await daemon?.[Symbol.asyncDispose]()
    pair?.[Symbol.dispose]()
    dir?.[Symbol.dispose]()
  })

  it('of HTTP/1 last as long as the client says: keep-alive, pipelined, large, chunked, late bodies', async () => {
    const sums = await client(ASK, '8080')
    const total = Object.values(sums).reduce((sum, [count]) => sum + count, 0)
    const name = 'flowident_http_request_duration_seconds'
    await until(
      'both ends of all requests',
      async () => metric(await page(), `${name}_count`, { route: '/{form}/{ms}/{bytes}' }) >= 2 * (total + 1),
    )
    const text = await page()
    const of = (labels: Record<string, string>, role: string) => {
      const all = { ...labels, role, service: role === 'client' ? 'python3' : 'node' }
      return { count: metric(text, `${name}_count`, all), us: metric(text, `${name}_sum`, all) * 1e6 }
    }
    const groups: [Record<string, string>, string[]][] = [
      [{ method: 'HEAD', status: '2xx', host: 'a.example' }, ['HEAD/small/20/10']],
      [{ method: 'GET', status: '4xx', host: 'a.example' }, ['GET/missing/20/10']],
      [{ method: 'POST', status: '2xx', host: 'a.example' }, ['POST/post/10/10']],
      [{ method: 'GET', status: '2xx', host: 'b.example' }, ['GET/pipe/20/1000']],
      [{ method: 'GET', status: '2xx', host: 'a.example' }, ['GET/small/20/10', 'GET/large/30/30000000', 'GET/chunks/30/3000000']],
    ]
    for (const [labels, kinds] of groups) {
      const [count, us] = kinds.reduce(([n, sum], kind) => [n + sums[kind]![0], sum + sums[kind]![1]], [0, 0])
      const ours = of(labels, 'client')
      console.log(`${kinds.join(' ')}: ${Math.round(ours.us)} of ${us} us, at the server ${Math.round(of(labels, 'server').us)}`)
      expect(ours.count).toBe(count)
      expect(of(labels, 'server').count).toBe(count)
      expect(Math.abs(ours.us - us) / us).toBeLessThan(0.05)
    }
    expect(of({ status: 'none', host: 'a.example' }, 'client').count).toBe(1)
    expect(of({ route: '/{form}/{ms}/{bytes}' }, 'client').count).toBe(total + 1)
    expect(metric(text, 'flowident_requests_lost_total')).toBe(0)
    expect(metric(text, 'flowident_losses_total', { cause: 'request_ring' })).toBe(0)
  }, 60_000)

  it('of DNS last as long as the client says, by type and code', async () => {
    const sums = await client(LOOKUP, '5353')
    const name = 'flowident_dns_request_duration_seconds'
    await until('questions without an answer', async () => metric(await page(), `${name}_count`, { type: 'MX', code: 'none' }) >= 2)
    const text = await page()
    for (const [type, code, number] of [
      ['TXT', 'NOERROR', '16'],
      ['SRV', 'NXDOMAIN', '33'],
    ] as const) {
      const [count, us] = sums[number]!
      const ours = metric(text, `${name}_sum`, { type, code, role: 'client' }) * 1e6
      console.log(`DNS ${type}: ${Math.round(ours)} of ${us} us`)
      expect(metric(text, `${name}_count`, { type, code, role: 'client' })).toBe(count)
      expect(metric(text, `${name}_count`, { type, code, role: 'server' })).toBe(count)
      expect(Math.abs(ours - us) / us).toBeLessThan(0.05)
    }
    expect(metric(text, `${name}_count`, { type: 'MX', code: 'none', role: 'client' })).toBe(1)
  }, 60_000)

  it('of Redis last as long as the client says, and none of 20,000 is missed', async () => {
    const sums = await client(STORE, '16379')
    const name = 'flowident_redis_request_duration_seconds'
    const { code, stderr } = await run(
      ['redis-benchmark', '-h', SERVER.v4, '-p', '16379', '-t', 'set,get', '-n', '10000', '-c', '20', '-P', '16', '-d', '200', '-q'],
      { netns: pair.client.name },
    )
    if (code !== 0) throw new Error(stderr)
    await until('all commands', async () => metric(await page(), `${name}_count`, { command: 'GET' }) >= 20_000)
    const text = await page()
    for (const [service, role] of [
      ['redis-benchmark', 'client'],
      ['redis-server', 'server'],
    ] as const)
      for (const command of ['SET', 'GET']) expect(metric(text, `${name}_count`, { service, role, command, status: 'ok' })).toBe(10_000)
    const [count, us] = sums['sleep']!
    const sleeps = { service: 'python3', role: 'client', command: '~other', status: 'ok' }
    console.log(`Redis: ${Math.round(metric(text, `${name}_sum`, sleeps) * 1e6)} of ${us} us`)
    expect(metric(text, `${name}_count`, sleeps)).toBe(count)
    expect(Math.abs(metric(text, `${name}_sum`, sleeps) * 1e6 - us) / us).toBeLessThan(0.05)
  }, 60_000)
})
