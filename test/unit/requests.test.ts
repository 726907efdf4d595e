// SPDX-License-Identifier: Apache-2.0
// Packets of HTTP/1 and DNS in, histograms out: the addon's own code, without a kernel.
import { describe, expect, it } from 'vitest'
import type { RequestOptions } from '../../native/addon.js'
import { renderFamily } from '../../src/metrics/text.js'
import { RequestsCollector } from '../../src/metrics/requests.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { ServiceRegistry } from '../../src/services/registry.js'
import { REQUEST_BOUNDS, Requests } from '../../src/services/requests.js'
import { metric } from '../lib/metric.js'

const addon = loadAddon()

/** One connection, or one client of a name server: packets with their time in milliseconds. */
class Wire {
  readonly events: Buffer[] = []
  readonly #seq = [1000, 4_294_967_000] // the answers' numbers wrap
  readonly #flow: bigint
  readonly #kind: number
  constructor(flow = 1n, kind = 1) {
    this.#flow = flow
    this.#kind = kind
  }
  /** kept: bytes of it that are told; lost: the packet's event is lost. */
  send(from: 'client' | 'server', at: number, data: string | Buffer, { kept, lost = false }: { kept?: number; lost?: boolean } = {}): this {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    const end = from === 'client' ? 0 : 1
    if (!lost) this.#event(at, this.#seq[end]!, bytes, Math.min(kept ?? 4096, bytes.length, 4096), from === 'client' ? 1 : 0)
    this.#seq[end] = (this.#seq[end]! + bytes.length) % 2 ** 32
    return this
  }
  again(from: 'client' | 'server', at: number, data: string): this {
    const end = from === 'client' ? 0 : 1
    this.#event(at, this.#seq[end]! - data.length, Buffer.from(data), data.length, from === 'client' ? 1 : 0)
    return this
  }
  end(at: number): this {
    this.#event(at, 0, Buffer.alloc(0), 0, 2)
    return this
  }
  #event(at: number, seq: number, bytes: Buffer, kept: number, flags: number): void {
    const head = Buffer.alloc(48)
    head.writeBigUInt64LE(this.#flow, 0)
    head.writeBigUInt64LE(BigInt(Math.round((at + 1000) * 1000)) * 1000n, 8)
    head.writeUInt32LE(seq, 16)
    head.writeUInt32LE(this.#seq[flags & 1]!, 20) // the other end's next byte
    head.writeUInt32LE(bytes.length, 24)
    head.writeUInt32LE(5, 28)
    head.writeUInt16LE(kept, 32)
    head.writeUInt8(this.#kind, 34)
    head.writeUInt8(flags, 35)
    if (bytes.length >= 8) bytes.copy(head, 40, bytes.length - 8)
    this.events.push(head, bytes.subarray(0, kept))
  }
}

const get = (path: string, host = 'shop.example') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

const pageOf = async (wires: readonly Wire[], options: RequestOptions = {}) => {
  const sums = new Requests()
  const registry = new ServiceRegistry()
  const answer = addon.measureRequests(Buffer.concat(wires.flatMap(({ events }) => events)), options)
  const service = registry.intern({ id: 'web', name: 'web', kind: 'process', reason: 'test' })
  sums.update(answer, () => ({ service, final: true }))
  const families = await new RequestsCollector(sums, registry, async () => undefined).collect()
  return { page: families.map((family) => renderFamily(family, false)).join(''), series: sums.series, losses: sums.losses }
}
/** Requests and their summed duration in milliseconds. */
const http = async (wire: Wire, labels: Record<string, string> = {}) => {
  const { page } = await pageOf([wire])
  const name = 'flowident_http_request_duration_seconds'
  return [metric(page, `${name}_count`, labels), Math.round(metric(page, `${name}_sum`, labels) * 1000)]
}

describe('HTTP/1 requests', () => {
  it('last from their first byte to the last of the answer', async () => {
    const wire = new Wire().send('client', 0, get('/a')).send('server', 30, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345')
    expect(await http(wire)).toEqual([0, 0])
    expect(await http(wire.send('server', 50, '67890'))).toEqual([1, 50])
  })
  it('are told apart in one connection, heads cut anywhere', async () => {
    const text = `${get('/a?x=1')}POST /b HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc${get('/c')}`
    for (let cut = 5; cut < text.length; cut += 7) {
      const wire = new Wire().send('client', 0, text.slice(0, cut)).send('client', 1, text.slice(cut))
      wire
        .send('server', 10, `${ok('x')}HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n`)
        .send('server', 20, `no${ok('last')}`)
      const { page } = await pageOf([wire])
      const count = (labels: Record<string, string>) => metric(page, 'flowident_http_request_duration_seconds_count', labels)
      expect(count({})).toBe(3)
      expect(count({ method: 'GET', route: '/a', status: '2xx', host: 'shop.example' })).toBe(1)
      expect(count({ method: 'POST', route: '/b', status: '4xx' })).toBe(1)
      expect(count({ route: '/c', status: '2xx' })).toBe(1)
    }
  })
  it('have bodies of every form', async () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'
    const next = (wire: Wire) => wire.send('client', 100, get('/next')).send('server', 110, ok(''))
    const forms: [string, Wire, number][] = [
      ['chunks', new Wire().send('client', 0, get('/')).send('server', 5, `${chunked}6\r\n wor`).send('server', 9, 'ld\r\n0\r\n\r\n'), 9],
      ['trailer', new Wire().send('client', 0, get('/')).send('server', 5, `${chunked}0\r\nA: b\r\n`).send('server', 7, '\r\n'), 7],
      [
        'chunks of which only lengths are told',
        new Wire()
          .send('client', 0, get('/'))
          .send('server', 5, chunked)
          .send('server', 6, `7d0\r\n${'x'.repeat(2000)}\r\n`, { kept: 0 })
          .send('server', 8, `3e8\r\n${'y'.repeat(1000)}\r\n0\r\n\r\n`, { kept: 0 }),
        8,
      ],
      [
        'HEAD',
        new Wire().send('client', 0, get('/').replace('GET', 'HEAD')).send('server', 4, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'),
        4,
      ],
      ['not modified', new Wire().send('client', 0, get('/')).send('server', 3, 'HTTP/1.1 304 Not Modified\r\n\r\n'), 3],
      [
        'large, of which only lengths are told',
        new Wire()
          .send('client', 0, get('/'))
          .send('server', 1, `HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${'x'.repeat(30_000)}`)
          .send('server', 5, 'x'.repeat(10_000), { lost: true })
          .send('server', 8, 'x'.repeat(20_000), { kept: 0 }),
        8,
      ],
    ]
    for (const [form, wire, ms] of forms) {
      expect([form, ...(await http(wire))]).toEqual([form, 1, ms])
      expect([form, ...(await http(next(wire)))]).toEqual([form, 2, ms + 10])
    }
    const close = new Wire().send('client', 0, get('/')).send('server', 2, 'HTTP/1.0 200 OK\r\n\r\nabc').send('server', 6, 'def').end(60)
    expect(await http(close)).toEqual([1, 6])
  })
  it('are counted once though segments come twice, and as none without an answer', async () => {
    const wire = new Wire()
      .send('client', 0, get('/'))
      .again('client', 3, get('/'))
      .send('server', 10, ok('abc'))
      .again('server', 12, ok('abc'))
    expect(await http(wire)).toEqual([1, 10])
    wire.send('client', 20, get('/gone')).end(45)
    expect(await http(wire, { status: 'none' })).toEqual([1, 25])
  })
  it('of lost packets are counted as lost, the following ones are right again', async () => {
    const wire = new Wire().send('client', 0, get('/a')).send('server', 5, ok('a'), { lost: true })
    wire.send('client', 10, get('/b')).send('server', 14, ok('b')).send('client', 20, get('/c')).send('server', 21, ok('c'))
    const { page, losses } = await pageOf([wire])
    expect(metric(page, 'flowident_http_request_duration_seconds_count')).toBe(1)
    expect(metric(page, 'flowident_http_request_duration_seconds_sum', { route: '/c' })).toBeCloseTo(0.001)
    expect(losses['unfollowed']).toBe(2)
  })
  it('cannot make names, series or connections without end', async () => {
    const wires = Array.from({ length: 3000 }, (_, i) =>
      new Wire(BigInt(i + 1)).send('client', i, get(`/p${i}x`, `h${i}.example`)).send('server', i + 1, ok('')),
    )
    for (let i = 0; i < 40; i++)
      wires.push(new Wire(BigInt(10_000 + i)).send('client', i, get('/real', 'real.example')).send('server', i + 1, ok('')))
    const { page, series } = await pageOf(wires, { series: 50, hosts: 20, routes: 20, flows: 100 })
    expect(series.length).toBeLessThanOrEqual(51)
    expect(metric(page, 'flowident_http_request_duration_seconds_count')).toBe(3040)
    expect(metric(page, 'flowident_http_request_duration_seconds_count', { host: '~other' })).toBeGreaterThan(2900)
    // Asked for often, so it gets a name of its own beside the made-up ones.
    expect(metric(page, 'flowident_http_request_duration_seconds_count', { host: 'real.example' })).toBe(25)
    expect(metric(page, 'flowident_requests_lost_total', { cause: 'connections_evicted' })).toBe(2940)
  })
  it('of damaged packets neither crash nor count more than there were', async () => {
    const clean = new Wire()
    for (let i = 0; i < 20; i++) {
      clean.send('client', i, `POST /p${i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
      clean.send('server', i, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    }
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % below
    }
    for (let round = 0; round < 1000; round++) {
      const wire = new Wire()
      wire.events.push(...clean.events.map((bytes) => Buffer.from(bytes)))
      for (let i = 0; i < 10; i++) {
        const bytes = wire.events[random(wire.events.length)]!
        const at = random(bytes.length)
        // Not how much data follows an event: that is the kernel part's word.
        if (bytes.length !== 48 || at < 32 || at > 33) bytes[at] = random(256)
      }
      const { page } = await pageOf([wire])
      expect(metric(page, 'flowident_http_request_duration_seconds_count')).toBeLessThanOrEqual(20)
    }
  })
  it('have routes by template or by their shape', async () => {
    const paths = {
      '/users/7/orders': '/users/{who}/orders',
      '/img/a/b.png': '/img/{*}',
      '/v1/42': '/v1/{id}',
      '/a/b/c/d': '/a/b/c/{*}',
      '/': '/',
    }
    const wire = new Wire()
    for (const path of Object.keys(paths)) wire.send('client', 0, get(path)).send('server', 1, ok(''))
    const { series } = await pageOf([wire], { templates: ['/users/{who}/orders', '/img/{*}'] })
    expect(series.map(({ words }) => words[3]).sort()).toEqual(Object.values(paths).sort())
  })
  it('with hosts that are no names do not get into labels', async () => {
    const wire = new Wire()
      .send('client', 0, get('/', 'a"b\\c'))
      .send('server', 1, ok(''))
      .send('client', 2, get('/', 'X.Example:8080'))
      .send('server', 3, ok(''))
    const { series } = await pageOf([wire])
    expect(series.map(({ words }) => words[2]).sort()).toEqual(['x.example', '~invalid'])
  })
})

describe('Redis commands', () => {
  const command = (...words: string[]) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
  const of = async (wire: Wire, labels: Record<string, string> = {}) => {
    const { page } = await pageOf([wire])
    const name = 'flowident_redis_request_duration_seconds'
    return [metric(page, `${name}_count`, labels), Math.round(metric(page, `${name}_sum`, labels) * 1000)]
  }
  const commands = command('SET', 'k', 'v\r\n$9') + command('get', 'k') + command('HGETALL', 'h') + command('EXEC') + command('FLY', 'me')
  const replies = '+OK\r\n$5\r\nv\r\n$9\r\n*2\r\n$1\r\na\r\n*-1\r\n*2\r\n*1\r\n:7\r\n$-1\r\n-ERR unknown\r\n'

  it('are paired with their replies in order, cut anywhere', async () => {
    for (let cut = 1; cut < Math.min(commands.length, replies.length); cut++) {
      const first = Math.max(cut, 4) // what begins a connection is found by its first four bytes
      const wire = new Wire(1n, 3).send('client', 0, commands.slice(0, first)).send('client', 0, commands.slice(first))
      wire.send('server', 10, replies.slice(0, cut)).send('server', 10, replies.slice(cut))
      expect([cut, ...(await of(wire))]).toEqual([cut, 5, 50])
      for (const name of ['SET', 'GET', 'HGETALL', 'EXEC']) expect(await of(wire, { command: name, status: 'ok' })).toEqual([1, 10])
      expect(await of(wire, { command: '~other', status: 'error' })).toEqual([1, 10])
    }
  })
  it('have values of which only lengths are told, and lost ones', async () => {
    const wire = new Wire(1n, 3).send('client', 0, command('GET', 'big')).send('server', 1, `$30000\r\n${'x'.repeat(9000)}`)
    wire.send('server', 2, 'x'.repeat(10_000), { lost: true }).send('server', 7, `${'x'.repeat(11_000)}\r\n`, { kept: 0 })
    expect(await of(wire)).toEqual([1, 7])
    wire.send('client', 20, command('GET', 'a')).send('server', 21, '$1\r\na\r\n', { lost: true })
    wire
      .send('client', 30, command('GET', 'b'))
      .send('server', 33, '$1\r\nb\r\n')
      .send('client', 40, command('GET', 'c'))
      .send('server', 44, '$1\r\nc\r\n')
    const { losses } = await pageOf([wire])
    expect(losses['unfollowed']).toBe(2)
    expect(await of(wire)).toEqual([2, 11])
  })
  it('end with a subscription, or without a reply', async () => {
    const told = new Wire(1n, 3)
      .send('client', 0, command('PING'))
      .send('server', 2, '+PONG\r\n')
      .send('client', 5, command('SUBSCRIBE', 'c'))
    told.send('server', 6, '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n').send('client', 7, command('PING')).end(90)
    expect(await of(told)).toEqual([1, 2])
    const gone = new Wire(1n, 3).send('client', 0, command('BLPOP', 'q', '0')).end(70)
    expect(await of(gone, { command: 'BLPOP', status: 'none' })).toEqual([1, 70])
  })
  it('of damaged bytes neither crash nor count more than there were', async () => {
    let seed = 3
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % below
    }
    for (let round = 0; round < 2000; round++) {
      const [a, b] = [Buffer.from(commands), Buffer.from(replies)]
      for (let i = 0; i < 4; i++) {
        a[random(a.length)] = random(256)
        b[random(b.length)] = random(256)
      }
      const [count = 0] = await of(new Wire(1n, 3).send('client', 0, a).send('server', 9, b).end(50))
      expect(count).toBeLessThanOrEqual(40)
    }
  })
})

describe('DNS requests', () => {
  const question = (id: number, type: number, flags = 0x0100) => {
    const packet = Buffer.from('000000000001000000000000' + '0474657374' + '076578616d706c65' + '0000010001', 'hex')
    packet.writeUInt16BE(id, 0)
    packet.writeUInt16BE(flags, 2)
    packet.writeUInt16BE(type, packet.length - 4)
    return packet
  }
  it('are answered, by type and code, or not', async () => {
    const wire = new Wire(9n, 2)
    wire
      .send('client', 0, question(1, 1))
      .send('client', 1, question(2, 28))
      .send('client', 2, question(3, 15))
      .send('client', 3, question(1, 1))
    wire
      .send('server', 20, question(2, 28, 0x8183))
      .send('server', 30, question(1, 1, 0x8180))
      .send('server', 31, question(7, 1, 0x8180))
    wire.send('client', 9000, question(4, 1)).send('server', 9001, question(4, 1, 0x8180))
    const { page } = await pageOf([wire])
    const of = (labels: Record<string, string>) =>
      ['count', 'sum'].map((what) => Number(metric(page, `flowident_dns_request_duration_seconds_${what}`, labels).toFixed(3)))
    expect(of({ type: 'A', code: 'NOERROR' })).toEqual([2, 0.031])
    expect(of({ type: 'AAAA', code: 'NXDOMAIN' })).toEqual([1, 0.019])
    expect(of({ type: 'MX', code: 'none' })[0]).toBe(1)
    expect(of({})[0]).toBe(4)
  })
})

describe('buckets', () => {
  it('are those that the addon fills', async () => {
    const wire = new Wire()
    for (const [i, bound] of REQUEST_BOUNDS.entries())
      wire.send('client', i * 20_000, get('/')).send('server', i * 20_000 + bound * 1000, ok(''))
    const { series } = await pageOf([wire])
    expect([...series[0]!.buckets]).toHaveLength(REQUEST_BOUNDS.length + 1)
    expect([...series[0]!.buckets].reduce((sum, n) => sum + n)).toBe(REQUEST_BOUNDS.length)
    expect(series[0]!.buckets[REQUEST_BOUNDS.length]).toBe(0)
    expect([...series[0]!.buckets].slice(0, 1)).toEqual([1])
    expect(series[0]!.buckets[7]).toBe(1)
    expect(series[0]!.buckets[15]).toBe(1)
  })
})
