// SPDX-License-Identifier: Apache-2.0
// The same exchange (HTTP, and DNS over UDP) inside every kind of tag and tunnel, recorded on the carrier; other link
// types and file formats; IPv6 extension headers set by the sender.
import { INNER_SERVER, inner, WRAPS, type Wrap, wrapPair } from '../../lib/links.js'
import { unbound } from '../../lib/servers/system.js'
import { nginx } from '../../lib/servers/web.js'
import type { Expect, Scene, Stage } from '../scene.js'

const isIp = (type: number): boolean => type === 0x0800 || type === 0x86dd

const EXPECT: readonly Expect[] = [
  { port: 8080, protocol: 'http1', labels: { 'http.host': 'web.example.test' } },
  { port: 5300, transport: 'udp', protocol: 'dns', labels: { 'dns.question.name': 'cache.example.test', 'dns.question.type': 'A' } },
]

async function exchange(s: Stage, address: string): Promise<void> {
  const host = address.includes(':') ? `[${address}]` : address
  await s.ask(['curl', '-s', '-g', '-H', 'Host: web.example.test', `http://${host}:8080/`])
  await s.ask(['dig', '+tries=1', '+timeout=3', '-p', '5300', `@${address}`, 'cache.example.test', 'A'])
}

async function servers(s: Stage): Promise<void> {
  await s.keep(nginx(s.serverNs, s.dir, [{ port: 8080 }]))
  await s.keep(unbound(s.serverNs, s.dir, 5300))
}

const wrapped = (wrap: Wrap): Scene => ({
  name: `link-${wrap}`,
  about: `HTTP and DNS inside ${wrap}`,
  async prepare(s: Stage) {
    for (const relay of await wrapPair(s.pair, wrap)) await s.keep(relay)
    await servers(s)
  },
  async run(s: Stage) {
    const can = inner(wrap)
    if (can.v4) await exchange(s, INNER_SERVER.v4)
    if (can.v6) await exchange(s, INNER_SERVER.v6)
    return can.v4 && can.v6 ? [...EXPECT, ...EXPECT] : [...EXPECT]
  },
})

/** A sender that puts options in front of its payload: kind 54 = hop-by-hop, 59 = destination, 57 = routing. */
const EXTENDED = (kinds: readonly number[], stream: boolean): string => `
import socket, struct
pad = bytes([0, 0, 1, 4, 0, 0, 0, 0])
s = socket.socket(socket.AF_INET6, socket.${stream ? 'SOCK_STREAM' : 'SOCK_DGRAM'})
for kind in ${JSON.stringify(kinds)}:
    s.setsockopt(socket.IPPROTO_IPV6, kind, pad)
s.connect(('fd77::1', ${stream ? 8080 : 5300}))
s.settimeout(3)
if ${stream ? 'True' : 'False'}:
    s.sendall(b'GET / HTTP/1.1\\r\\nHost: web.example.test\\r\\nConnection: close\\r\\n\\r\\n')
else:
    name = b''.join(bytes([len(p)]) + p for p in [b'cache', b'example', b'test']) + bytes([0])
    s.send(struct.pack('!6H', 7, 0x100, 1, 0, 0, 0) + name + struct.pack('!2H', 1, 1))
while s.recv(4096) and ${stream ? 'True' : 'False'}:
    pass
`

const carrier = (name: string, about: string, more: Partial<Scene>): Scene => ({
  name,
  about,
  prepare: servers,
  async run(s: Stage) {
    await exchange(s, s.server.v4)
    await exchange(s, s.server.v6)
    return [...EXPECT, ...EXPECT]
  },
  ...more,
})

export const LINKS: readonly Scene[] = [
  ...WRAPS.map(wrapped),
  carrier('file-pcapng', 'pcapng with times in nanoseconds', { format: 'pcapng' }),
  carrier('file-gzip', 'pcap in gzip', { format: 'pcap.gz' }),
  carrier('link-any', 'recorded on all interfaces at once: Linux cooked header, version 2', { device: 'any' }),
  carrier('link-raw', 'bare IP packets, as a tun device gives them: the Ethernet header is taken off', {
    edit: (frames) =>
      frames.filter((f) => isIp(f.data.readUInt16BE(12))).map((f) => ({ ...f, link: 101, data: f.data.subarray(14), wire: f.wire - 14 })),
  }),
  {
    name: 'ipv6-extension-headers',
    about: 'hop-by-hop options, destination options and both, over UDP and TCP',
    prepare: servers,
    async run(s: Stage) {
      for (const kinds of [[54], [59], [54, 59]])
        for (const stream of [false, true]) await s.ask(['python3', '-c', EXTENDED(kinds, stream)])
      return EXPECT.map((e) => ({ ...e, times: 3 }))
    },
  },
]
