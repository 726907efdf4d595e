// SPDX-License-Identifier: Apache-2.0
// Writes src/assets/demo.pcap.gz, the capture of `flowident demo`: an afternoon of a small shop, every byte of it made up here.
// usage: node --import tsx tools/make-demo.ts
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { pcapBytes } from '../test/lib/pcap.js'
import { clientHello, quicInitial, serverHello, tlsRecord } from '../test/lib/synth-tls.js'
import { at, ethernet, ip, Scene, udpSegment } from '../test/lib/synth.js'

const hex = (s: string): Buffer => Buffer.from(s.replaceAll(/\s/g, ''), 'hex')
const text = (s: string): Buffer => Buffer.from(s, 'latin1')
const join = (...parts: (Buffer | string)[]): Buffer => Buffer.concat(parts.map((p) => (typeof p === 'string' ? text(p) : p)))
const be = (n: number, size: number): Buffer => {
  const b = Buffer.alloc(size)
  b.writeUIntBE(n, 0, size)
  return b
}
const le = (n: number, size: number): Buffer => Buffer.from(be(n, size)).reverse()

const shop = '192.0.2.10'
const api = '192.0.2.20'
const data = '192.0.2.30'
const mail = '192.0.2.40'
let port = 40_000
const from = (address: string) => at(address, ++port)
const scene = new Scene(1_767_600_000, 0.0007)

/** A DNS question for an A record, and the answer to it. */
function dns(id: number, name: string, address?: string): Buffer {
  const labels = Buffer.concat([...name.split('.').map((l) => join(be(l.length, 1), l)), hex('00')])
  const question = join(labels, hex('0001 0001'))
  const head = join(be(id, 2), hex(address ? '8180 0001 0001 0000 0000' : '0100 0001 0000 0000 0000'))
  const answer = address ? join(hex('c00c 0001 0001 0000012c 0004'), Buffer.from(address.split('.').map(Number))) : Buffer.alloc(0)
  return join(head, question, answer)
}
const ask = (client: string, name: string, address: string, server = at('192.0.2.53', 53)): void => {
  const me = from(client)
  scene.udp(me, server, dns(port, name))
  scene.udp(server, me, dns(port, name, address))
}

const get = (host: string, path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: demo/1.0\r\nAccept: */*\r\n${more}\r\n`
const ok = (type: string, body: string, more = ''): string =>
  `HTTP/1.1 200 OK\r\nServer: shopd/2.1\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`

/** Opaque bytes, the same in every run. */
function noise(length: number, seed = 7): Buffer {
  const out = Buffer.alloc(length)
  let x = seed
  for (let i = 0; i < length; i++) {
    x = (x * 48271) % 2147483647
    out[i] = x >> 8
  }
  return out
}

// HTTP/2 with literal header fields, as RFC 7541 §6.2.2 allows.
const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer =>
  join(be(payload.length, 3), be(type, 1), be(flags, 1), be(stream, 4), payload)
const fields = (list: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(Object.entries(list).map(([k, v]) => join(hex('00'), be(k.length, 1), k, be(v.length, 1), v)))
const PREFACE = join('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', frame(4, 0, 0, hex('0003 00000064')))
const settings = join(frame(4, 0, 0, hex('0003 00000080')), frame(4, 1, 0, Buffer.alloc(0)))
const message = (size: number): Buffer => join(hex('00'), be(size, 4), noise(size))

function web(): void {
  ask('198.51.100.7', 'shop.example', shop)
  scene.talk(from('198.51.100.7'), at(shop, 80), [
    ['>', get('shop.example', '/')],
    ['<', 'HTTP/1.1 301 Moved Permanently\r\nServer: shopd/2.1\r\nLocation: https://shop.example/\r\nContent-Length: 0\r\n\r\n'],
  ])
  for (const [client, host, alpn] of [
    ['198.51.100.7', 'shop.example', ['h2', 'http/1.1']],
    ['198.51.100.8', 'pay.shop.example', ['h2']],
    ['2001:db8::77', 'shop.example', ['http/1.1']],
  ] as const)
    scene.talk(from(client), client.includes(':') ? at('2001:db8::10', 443) : at(shop, 443), [
      ['>', tlsRecord(22, clientHello(host, alpn))],
      ['<', join(tlsRecord(22, serverHello()), tlsRecord(20, hex('01')), tlsRecord(23, noise(2900)))],
      ['>', join(tlsRecord(20, hex('01')), tlsRecord(23, noise(74)))],
      ['>', tlsRecord(23, noise(480))],
      ['<', tlsRecord(23, noise(9000))],
    ])
  const quic = at(shop, 443)
  const me = from('198.51.100.9')
  for (const [i, packet] of quicInitial(clientHello('media.shop.example', ['h3'])).entries()) {
    scene.udp(me, quic, packet)
    if (i === 0) scene.udp(quic, me, join(hex('c1 00000001 00 08 5eed5eed5eed5eed 00 44b0'), noise(1200)))
  }
  for (let i = 0; i < 12; i++) scene.udp(quic, me, join(hex('4f'), noise(1180, i + 3)))
  const upgrade =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: stock.v1\r\n\r\n'
  scene.talk(from('198.51.100.7'), at(shop, 8080), [
    [
      '>',
      get(
        'live.shop.example',
        '/stock',
        'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: stock.v1\r\n',
      ),
    ],
    ['<', upgrade],
    ['>', join(hex('8189 11223344'), noise(9))],
    ['<', join(hex('811e'), '{"sku":"tea-01","left":14,"x"}')],
  ])
}

function services(): void {
  const grpc = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/shop.payment.v2.Payments/Charge',
    ':authority': 'payment:7443',
    'content-type': 'application/grpc',
    te: 'trailers',
  }
  scene.talk(from(shop), at(api, 7443), [
    ['>', join(PREFACE, frame(1, 4, 1, fields(grpc)), frame(0, 1, 1, message(60)))],
    [
      '<',
      join(
        settings,
        frame(1, 4, 1, fields({ ':status': '200', 'content-type': 'application/grpc' })),
        frame(0, 0, 1, message(24)),
        frame(1, 5, 1, fields({ 'grpc-status': '0' })),
      ),
    ],
  ])
  scene.talk(from(shop), at(api, 3306), [
    // HTTP where a port table expects MySQL
    ['>', get('search.internal', '/v1/find?q=tea')],
    ['<', ok('application/json', '{"hits":3}')],
  ])
  scene.talk(from('192.0.2.5'), at(api, 8443), [
    // a load balancer names the client before the request
    ['>', join('PROXY TCP4 198.51.100.7 192.0.2.20 51000 8443\r\n', get('cart.shop.example', '/cart/42'))],
    ['<', ok('application/json', '{"items":2}')],
  ])
  scene.talk(from('192.0.2.60'), at('192.0.2.5', 3128), [
    ['>', 'CONNECT updates.example:443 HTTP/1.1\r\nHost: updates.example:443\r\n\r\n'],
    ['<', 'HTTP/1.1 200 Connection established\r\n\r\n'],
    ['>', tlsRecord(22, clientHello('updates.example', ['http/1.1']))],
    ['<', join(tlsRecord(22, serverHello()), tlsRecord(20, hex('01')), tlsRecord(23, noise(1800)))],
  ])
}

function stores(): void {
  scene.talk(from(api), at(data, 443), [
    // Redis on a port that says TLS
    ['>', '*2\r\n$3\r\nGET\r\n$8\r\ncart:042\r\n'],
    ['<', '$11\r\n{"items":2}\r\n'],
    ['>', '*3\r\n$3\r\nSET\r\n$8\r\ncart:042\r\n$11\r\n{"items":3}\r\n'],
    ['<', '+OK\r\n'],
  ])
  const startup = join(be(196608, 4), 'user\0shop\0database\0orders\0application_name\0api\0\0')
  scene.talk(from(api), at(data, 5433), [
    ['>', hex('00000008 04d2162f')],
    ['<', 'N'],
    ['>', join(be(startup.length + 4, 4), startup)],
    [
      '<',
      join(
        'R',
        hex('00000008 00000000'),
        'S',
        be(4 + 'server_version\x0015.6\0'.length, 4),
        'server_version\x0015.6\0',
        'Z',
        hex('00000005'),
        'I',
      ),
    ],
    ['>', join('Q', be(4 + 'SELECT 1\0'.length, 4), 'SELECT 1\0')],
    ['<', join('C', be(4 + 'SELECT 1\0'.length, 4), 'SELECT 1\0', 'Z', hex('00000005'), 'I')],
  ])
  const greeting = join(
    hex('0a'),
    '8.0.36\0',
    hex('2a000000'),
    '12345678',
    hex('00 ffff ff 0200 ffdf 15'),
    Buffer.alloc(10),
    '123456789012\0',
    'caching_sha2_password\0',
  )
  const login = join(hex('8da20f00 00000001 ff'), Buffer.alloc(23), 'report\0', hex('20'), noise(32), 'stock\0', 'caching_sha2_password\0')
  const query = join(hex('03'), 'SELECT sku, left_over FROM stock')
  scene.talk(from('192.0.2.60'), at(data, 13306), [
    ['<', join(le(greeting.length, 3), hex('00'), greeting)],
    ['>', join(le(login.length, 3), hex('01'), login)],
    ['<', hex('07000002 00000002000000')],
    ['>', join(le(query.length, 3), hex('00'), query)],
    ['<', join(hex('01000001 02'), hex('05000002 fe00000200'))],
  ])
}

function rest(): void {
  scene.talk(from('192.0.2.99'), at(mail, 2222), [
    ['<', 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n'],
    ['>', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['>', join(hex('000003ac 0a14'), noise(900))],
    ['<', join(hex('000003bc 0a14'), noise(910))],
  ])
  scene.talk(from('198.51.100.30'), at(mail, 25), [
    ['<', '220 mail.shop.example ESMTP Postfix\r\n'],
    ['>', 'EHLO client.example\r\n'],
    ['<', '250-mail.shop.example\r\n250-STARTTLS\r\n250 8BITMIME\r\n'],
    ['>', 'STARTTLS\r\n'],
    ['<', '220 2.0.0 Ready to start TLS\r\n'],
    ['>', tlsRecord(22, clientHello('mail.shop.example', []))],
    ['<', join(tlsRecord(22, serverHello()), tlsRecord(20, hex('01')), tlsRecord(23, noise(2100)))],
  ])
  scene.talk(from('198.51.100.66'), at(mail, 2222), [
    // someone tries HTTP on the SSH server: the service is still SSH
    ['>', get('192.0.2.40:2222', '/')],
    ['<', 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\nInvalid SSH identification string.\r\n'],
  ])
  const printer = at('192.0.2.70', 5353)
  scene.udp(
    printer,
    at('224.0.0.251', 5353),
    join(hex('0000 8400 0000 0001 0000 0000'), hex('07'), 'printer', hex('05'), 'local', hex('00 0001 8001 00000078 0004 c0000246')),
  )
  // The same question inside a VXLAN network: the addresses of the flow are those inside.
  const overlay = (packet: Buffer): Buffer =>
    ethernet(ip('192.0.2.90', '192.0.2.91', 17, udpSegment(51000, 4789, join(hex('08000000 00002a00'), ethernet(packet))), 6))
  const pod = at('10.42.0.7', 38111)
  scene.udp(pod, at('10.42.0.2', 53), dns(9, 'payment.shop.svc.cluster.local'), overlay)
  scene.udp(at('10.42.0.2', 53), pod, dns(9, 'payment.shop.svc.cluster.local', '10.42.0.9'), overlay)
  scene.talk(from('192.0.2.61'), at('203.0.113.9', 443), [
    // a port that says TLS, bytes that say nothing
    ['>', noise(180, 11)],
    ['<', noise(420, 13)],
  ])
}

web()
services()
stores()
rest()
const file = fileURLToPath(new URL('../src/assets/demo.pcap.gz', import.meta.url))
mkdirSync(dirname(file), { recursive: true })
const packed = gzipSync(pcapBytes(scene.frames), { level: 9 })
packed[9] = 255 // "unknown operating system": the same bytes wherever it is made
writeFileSync(file, packed)
process.stdout.write(`${file}: ${scene.frames.length} packets, ${packed.length} bytes\n`)
