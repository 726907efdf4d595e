// SPDX-License-Identifier: Apache-2.0
// The whole daemon over a recorded kernel: routes, streams, listeners, start and stop.
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { get, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Config, defaults } from '../../src/config/schema.js'
import { Daemon } from '../../src/daemon.js'
import { TYPE } from '../../src/flows/layout.js'
import { createLogger } from '../../src/log.js'
import { RecordedKernel, recordedSource } from './support/kernel.js'
import { aggregates, join, labelsRecord, record } from './support/records.js'

interface Answer {
  status: number
  type: string
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  body: any
}

let folder: string
let socket: string
let kernel: RecordedKernel
let logged: string
let daemon: Daemon | undefined

const ask = (url: string, options: { method?: string; headers?: Record<string, string>; port?: number } = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, port } = options
    const to = port === undefined ? { socketPath: socket } : { host: '127.0.0.1', port }
    const asked = request({ ...to, path: url, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const type = response.headers['content-type'] ?? ''
        resolve({ status: response.statusCode!, type, text, body: type.includes('json') ? JSON.parse(text) : undefined })
      })
    })
    asked.on('error', reject)
    asked.end()
  })

/** Lines of a stream until `enough` says so; the connection is closed then. */
const stream = (url: string, accept: string, enough: (text: string) => boolean, ready: () => void): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = get({ socketPath: socket, path: url, headers: { accept } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (enough(text)) {
          asked.destroy()
          resolve(text)
        }
      })
      ready()
    })
    asked.on('error', reject)
  })

const start = async (change: (config: Config) => void = () => undefined, source = recordedSource(kernel)): Promise<Daemon> => {
  const config = defaults()
  config.listen = [`unix:${socket}`, '127.0.0.1:0']
  change(config)
  logged = ''
  const sink = { write: (line: string) => (logged += line) }
  return Daemon.start(config, createLogger({ level: 'info', format: 'json', sink }), {
    source,
    roots: { proc: path(folder, 'proc'), sys: path(folder, 'sys'), passwd: path(folder, 'passwd'), run: path(folder, 'run') },
    clock: { monotonicNs: () => 10_000_000_000n, realtimeNs: () => 1_700_000_000_000_000_000n },
    env: {},
    version: '1.2.3',
    readTls: undefined,
  })
}

beforeEach(() => {
  folder = mkdtempSync(path(tmpdir(), 'flowident-api-'))
  socket = path(folder, 'api.sock')
  mkdirSync(path(folder, 'proc/self'), { recursive: true })
  writeFileSync(path(folder, 'proc/self/mountinfo'), '30 20 0:26 / /sys/fs/cgroup\\040x rw - cgroup2 cgroup2 rw\n')
  mkdirSync(path(folder, 'sys/class/net/eth0/device'), { recursive: true })
  writeFileSync(path(folder, 'sys/class/net/eth0/ifindex'), '2\n')
  writeFileSync(path(folder, 'sys/class/net/eth0/flags'), '0x1003\n')
  writeFileSync(path(folder, 'passwd'), 'www-data:x:33:33::/var/www:/bin/false\n')
  kernel = new RecordedKernel()
  kernel.flows = join(
    record({ id: 1n, layers: ['ssh'], owner: { pid: 7, comm: 'sshd', uid: 33 }, localPort: 22 }),
    record({ id: 2n, l4: 17, localPort: 53, remotePort: 40000 }),
    record({ id: 2n ** 63n + 3n, view: 2, role: 0, localPort: 22, ifindex: 2, layers: ['ssh'] }),
  )
  kernel.sums = aggregates([{ uid: 33, protocol: 'ssh', values: [4n, 1n, 10n, 1000n, 20n, 2000n] }])
})
afterEach(async () => {
  await daemon?.[Symbol.asyncDispose]()
  daemon = undefined
  rmSync(folder, { recursive: true, force: true })
})

describe('while the programs are being loaded', () => {
  it('the daemon is alive, not ready, and says why; then the API is there', async () => {
    let loaded = (_: RecordedKernel): void => undefined
    const opened = new Promise<RecordedKernel>((resolve) => {
      loaded = resolve
    })
    const starting = start(undefined, { ...recordedSource(kernel), open: () => opened })
    await expect.poll(() => existsSync(socket)).toBe(true)
    expect(await ask('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await ask('/readyz?verbose')).toMatchObject({ status: 503, body: { status: 'loading' } })
    expect(await ask('/api/v1/flows')).toMatchObject({ status: 503, type: 'application/problem+json', body: { status: 503 } })
    loaded(kernel)
    daemon = await starting
    expect((await ask('/api/v1/flows')).body.flows).toHaveLength(3)
  })
  it('a failure leaves no listener behind', async () => {
    const open = () => Promise.reject(new Error('EPERM'))
    await expect(start(undefined, { ...recordedSource(kernel), open })).rejects.toThrow('EPERM')
    expect(existsSync(socket)).toBe(false)
  })
})

describe('flows', () => {
  it('are listed with owner, service and interface', async () => {
    daemon = await start()
    const { status, body } = await ask('/api/v1/flows')
    expect(status).toBe(200)
    expect(body.next).toBe(null)
    expect(body.flows).toHaveLength(3)
    const own = body.flows.find(({ id }: { id: string }) => id === 's-1')
    expect(own).toMatchObject({
      'network.protocol.name': 'ssh',
      'process.pid': 7,
      'process.owner': 'www-data',
      'service.name': 'sshd',
      'flowident.service': 'sshd',
      'flowident.port_hint': 'ssh',
    })
    // The same addresses on the wire: the local socket's owner is theirs too.
    const wire = body.flows.find(({ view }: { view: string }) => view === 'wire')
    expect(wire).toMatchObject({ 'process.pid': 7, 'network.interface.name': 'eth0', 'service.name': 'sshd' })
  })
  it('are filtered by a query, and a mistake in it is pointed at', async () => {
    daemon = await start()
    const ids = async (q: string) => (await ask(`/api/v1/flows?q=${encodeURIComponent(q)}`)).body.flows.map(({ id }: { id: string }) => id)
    expect(await ids('service:sshd view:socket')).toEqual(['s-1'])
    expect(await ids('transport:udp')).toEqual(['s-2'])
    expect(await ids('port:9999')).toEqual([])
    const { status, type, body } = await ask('/api/v1/flows?q=protcol:ssh')
    expect(status).toBe(400)
    expect(type).toContain('application/problem+json')
    expect(body).toMatchObject({ type: '/problems/bad-request', status: 400, hint: 'Did you mean protocol:?' })
    expect(body.errors[0].pointer).toBe('/query/q')
  })
  it('come in pages that have each flow once', async () => {
    daemon = await start()
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await ask(`/api/v1/flows?limit=1${cursor}`)
      seen.push(...body.flows.map(({ id }: { id: string }) => id))
      cursor = body.next === null ? '' : `&cursor=${body.next}`
    } while (cursor !== '')
    expect([...new Set(seen)]).toHaveLength(3)
    expect(seen).toHaveLength(3)
  })
  it.each(['x', '%00', 'AAAAAAAAAAAAAAAA', '../../etc/passwd', ''])('refuse the cursor %j', async (cursor) => {
    daemon = await start()
    const { status, body } = await ask(`/api/v1/flows?cursor=${cursor}`)
    expect(status).toBe(400)
    expect(body.errors[0].pointer).toBe('/query/cursor')
  })
  it('refuse a cursor of another question', async () => {
    daemon = await start()
    const { body } = await ask('/api/v1/flows?limit=1')
    expect((await ask(`/api/v1/flows?limit=1&q=protocol:ssh&cursor=${body.next}`)).status).toBe(400)
  })
  it('are looked up by 5-tuple in both directions, and by endpoint', async () => {
    daemon = await start()
    for (const [a, b] of [
      ['10.0.0.1:22', '10.0.0.2:50000'],
      ['10.0.0.2:50000', '10.0.0.1:22'],
    ]) {
      const { body } = await ask(`/api/v1/flows/lookup?transport=tcp&source=${a}&destination=${b}`)
      expect(body.flows).toHaveLength(2)
      expect(body.service).toMatchObject({ id: 'sshd', reason: expect.stringContaining('command name') })
    }
    for (const [endpoint, n] of [
      [':53', 1],
      ['10.0.0.1:22', 2],
      ['10.0.0.1', 3],
    ] as const)
      expect((await ask(`/api/v1/flows/lookup?endpoint=${endpoint}`)).body.flows).toHaveLength(n)
    expect((await ask('/api/v1/flows/lookup?endpoint=:1')).status).toBe(404)
    for (const bad of ['', '?endpoint=x:1', '?endpoint=:99999', '?transport=tcp&source=10.0.0.1:1', '?transport=foo&endpoint=:1'])
      expect((await ask(`/api/v1/flows/lookup${bad}`)).status).toBe(400)
  })
  it('are explained: file, signature, offset, port, owner', async () => {
    daemon = await start()
    const { status, body } = await ask('/api/v1/flows/s-1/explain')
    expect(status).toBe(200)
    expect(body.protocol.join(' ')).toMatch(/signature 1 .*bpf\/proto\/ssh\.h matched at offset 0 of payload packet 1 of the server/)
    expect(body.protocol.join(' ')).toContain('tcp port 22 is usual for ssh')
    expect(body.owner.join(' ')).toContain('pid is 7: process that sends or receives on the socket')
    expect(body.service.join(' ')).toContain('The service is sshd')
    expect((await ask('/api/v1/flows/s-999')).status).toBe(404)
    expect((await ask('/api/v1/flows/nonsense')).status).toBe(400)
  })
})

describe('services', () => {
  it('have the traffic that the kernel summed', async () => {
    daemon = await start()
    const { body } = await ask('/api/v1/services')
    expect(body.services.find(({ id }: { id: string }) => id === 'sshd')).toMatchObject({
      kind: 'process',
      protocols: ['ssh'],
      flows_opened: 4,
      flows_active: 3,
      bytes_received: 1000,
      bytes_sent: 2000,
    })
    const one = await ask('/api/v1/services/sshd')
    expect(one.body.traffic).toEqual([expect.objectContaining({ protocol: 'ssh', transport: 'tcp', role: 'server', view: 'socket' })])
    expect((await ask('/api/v1/services/nobody')).status).toBe(404)
  })
  it('follow new rules after a reload', async () => {
    daemon = await start()
    const config = defaults()
    config.services.rules = [{ match: { user: 'www-data' }, name: 'bastion', environment: 'prod' }]
    config.limits.flows = 2048
    expect(daemon.reload(config)).toEqual(['listen', 'limits.flows'])
    expect((await ask('/api/v1/flows/s-1')).body).toMatchObject({ 'flowident.service': 'bastion-prod', 'deployment.environment': 'prod' })
  })
})

describe('events', () => {
  it('are told as server-sent events and as lines', async () => {
    daemon = await start()
    const happen = () => {
      kernel.ring(
        join(
          record({ id: 1n, type: TYPE.verdict, now: 2e9, layers: ['ssh'], localPort: 22 }),
          labelsRecord(1n, { 'ssh.server.software': 'x\n\ny' }),
        ),
      )
      kernel.ring(join(record({ id: 1n, type: TYPE.end, state: 3, flags: 11, now: 3e9, layers: ['ssh'], localPort: 22 })))
    }
    const text = await stream('/api/v1/events', 'text/event-stream', (t) => t.includes('event: end'), happen)
    expect(text.match(/^event: (\w+)$/gm)).toEqual(['event: verdict', 'event: labels', 'event: end'])
    // A label with line breaks must not become lines of the stream.
    for (const line of text.split('\n')) expect(line).toMatch(/^(|: .*|event: .*|id: \d+|data: \{.*\})$/)
  })
  it('are filtered for each listener', async () => {
    daemon = await start()
    const text = await stream(
      '/api/v1/events?q=transport:udp',
      'application/x-ndjson',
      (t) => t.endsWith('\n'),
      () =>
        kernel.ring(
          join(
            record({ id: 1n, type: TYPE.end, state: 3, flags: 11, now: 3e9, localPort: 22 }),
            record({ id: 2n, type: TYPE.end, state: 3, flags: 11, now: 3e9, l4: 17, localPort: 53, remotePort: 40000 }),
          ),
        ),
    )
    const events = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; flow: { id: string } })
    expect(events.map(({ event, flow }) => [event, flow.id])).toEqual([['end', 's-2']])
  })
  it('that a listener is too slow for are counted and told to it', async () => {
    daemon = await start()
    const many = 5000
    const text = await stream(
      '/api/v1/events',
      'application/x-ndjson',
      (t) => t.includes('"dropped"'),
      () => {
        for (let i = 0; i < many; i++)
          kernel.ring(join(record({ id: 1n, type: TYPE.verdict, now: 2e9 + i, localPort: 22, layers: ['ssh'] })))
      },
    )
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; count?: number })
    const told = lines.filter(({ event }) => event === 'verdict').length
    expect(told + lines.at(-1)!.count!).toBe(many)
    expect((await ask('/metrics')).text).toContain(`flowident_losses_total{cause="daemon_events_dropped"} ${many - told}`)
  })
  it('have a limited number of listeners, and places become free again', async () => {
    daemon = await start()
    const open = Array.from({ length: 64 }, () => get({ socketPath: socket, path: '/api/v1/events' }).on('error', () => undefined))
    await Promise.all(open.map((each) => new Promise((resolve) => each.on('response', resolve))))
    expect((await ask('/api/v1/events')).status).toBe(429)
    for (const each of open) each.destroy()
    await sleep(100)
    const text = await stream(
      '/api/v1/events',
      'text/event-stream',
      (t) => t.startsWith(': '),
      () => undefined,
    )
    expect(text).toContain(': flowident')
  })
})

describe('health', () => {
  it('says what is attached and what is missing', async () => {
    daemon = await start()
    expect((await ask('/healthz')).body).toEqual({ status: 'ok' })
    const { status, body } = await ask('/readyz?verbose')
    expect([status, body.status]).toEqual([200, 'degraded'])
    expect(body.checks).toContainEqual({ name: 'fi_ingress on /sys/fs/cgroup x', ok: true, detail: 'cgroup' })
    expect(body.checks).toContainEqual({ name: 'fi_state on inet_sock_set_state', ok: false, detail: 'no BTF' })
    expect(body.checks).toContainEqual({ name: 'fi_xdp on if2', ok: true, detail: 'generic' })
    expect((await ask('/readyz')).body).toEqual({ status: 'degraded' })
  })
  it('serves metrics in both formats, a page of links, and a description of itself', async () => {
    daemon = await start()
    expect((await ask('/metrics')).text).toContain('flowident_attach_mode{program="fi_xdp",target="if2",mode="generic"} 1\n')
    expect((await ask('/metrics', { headers: { accept: 'application/openmetrics-text;version=1.0.0' } })).text).toMatch(/# EOF\n$/)
    const page = await ask('/')
    expect(page.type).toContain('text/html')
    expect(page.text).toContain('href="/metrics"')
    const { body } = await ask('/openapi.json')
    expect(body.openapi).toMatch(/^3\.1\./)
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/api/v1/flows',
        '/api/v1/flows/lookup',
        '/api/v1/flows/{id}',
        '/api/v1/services/{id}',
        '/api/v1/events',
        '/metrics',
      ]),
    )
    expect((await ask('/api/v1/protocols')).body.protocols).toContainEqual(expect.objectContaining({ name: 'ssh', id: 3 }))
  })
})

describe('requests that are not right', () => {
  it.each([
    ['/nowhere', 'GET', 404, 'not-found'],
    ['/api/v1/flows', 'POST', 405, 'method-not-allowed'],
    ['/api/v1/flows?limit=0', 'GET', 400, 'bad-request'],
    ['/api/v1/flows?limit=1001', 'GET', 400, 'bad-request'],
    ['/api/v1/flows?limit=abc', 'GET', 400, 'bad-request'],
    ['/api/v1/flows/%2e%2e%2f%2e%2e%2fetc', 'GET', 400, 'bad-request'],
    [`/api/v1/flows/${'x'.repeat(200)}`, 'GET', 400, 'bad-request'],
    ['/api/v1/flows/%ff', 'GET', 400, 'bad-request'],
  ])('%s %s gives %i', async (url, method, status, code) => {
    daemon = await start()
    const answer = await ask(url, { method })
    expect(answer.status).toBe(status)
    expect(answer.type).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ type: `/problems/${code}`, status })
  })
  it('names the parameter that was meant', async () => {
    daemon = await start()
    const { body } = await ask('/api/v1/flows?limt=5')
    expect(body.errors).toEqual([{ pointer: '/query/limt', detail: 'there is no such parameter; did you mean limit?' }])
  })
  it('refuses large headers', async () => {
    daemon = await start()
    expect((await ask('/healthz', { headers: { x: 'y'.repeat(20_000) } })).status).toBe(431)
  })
  it('refuses foreign names on TCP: a browser was lured', async () => {
    daemon = await start()
    const port = Number(daemon.addresses[1]!.split(':').at(-1))
    expect((await ask('/healthz', { port })).status).toBe(200)
    expect((await ask('/healthz', { port, headers: { host: 'localhost:1' } })).status).toBe(200)
    expect((await ask('/healthz', { port, headers: { host: 'evil.example' } })).status).toBe(403)
  })
})

describe('start and stop', () => {
  it('says where it is and what it attached, and leaves nothing behind', async () => {
    daemon = await start()
    expect(logged).toContain(`API at unix:${socket}`)
    expect(logged).toMatch(/metrics at http:\/\/127\.0\.0\.1:\d+\/metrics/)
    expect(logged).toContain('fi_sock_send')
    expect(statSync(socket).mode & 0o777).toBe(0o660)
    await daemon[Symbol.asyncDispose]()
    await daemon[Symbol.asyncDispose]()
    expect(kernel.closed).toBe(1)
    expect(statSync(socket, { throwIfNoEntry: false })).toBeUndefined()
  })
  it('ends promptly with a stream open', async () => {
    daemon = await start()
    const asked = get({ socketPath: socket, path: '/api/v1/events' }).on('error', () => undefined)
    await new Promise((resolve) => asked.on('response', resolve))
    const begun = performance.now()
    await daemon[Symbol.asyncDispose]()
    expect(performance.now() - begun).toBeLessThan(2000)
  })
  it('is refused while another one listens, before it attaches; a dead one’s socket is taken over', async () => {
    daemon = await start()
    const first = kernel
    kernel = new RecordedKernel()
    await expect(start()).rejects.toThrow('another process listens there')
    expect([kernel.attached, kernel.closed, first.closed]).toEqual([0, 0, 0])
    expect((await ask('/healthz')).status).toBe(200)
    await daemon[Symbol.asyncDispose]()
    // A socket that nobody listens on: bound, closed without unlinking.
    const stale = createServer()
    await new Promise<void>((resolve) => stale.listen(`${socket}.old`, resolve))
    const { linkSync } = await import('node:fs')
    linkSync(`${socket}.old`, socket)
    await new Promise((resolve) => stale.close(resolve))
    daemon = await start()
    expect((await ask('/healthz')).status).toBe(200)
  })
  it('removes no file that is not a socket', async () => {
    writeFileSync(socket, 'precious')
    await expect(start()).rejects.toThrow('something that is no socket is there')
    expect(statSync(socket).size).toBe(8)
  })
  it('listens on loopback only', async () => {
    await expect(start((config) => (config.listen = ['0.0.0.0:0']))).rejects.toThrow('not a loopback address')
    expect(kernel.closed).toBe(0)
  })
})
