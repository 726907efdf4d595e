// SPDX-License-Identifier: Apache-2.0
// QUIC by ngtcp2's GnuTLS programs: HTTP/3, versions 1 and 2, version negotiation, Retry.
import type { Expect, Scene, Stage } from '../scene.js'

async function server(s: Stage, port: number, ...extra: string[]): Promise<void> {
  const keys = await s.keys()
  s.dir.dir('h3')
  s.dir.file('h3/index.html', '<p>flowident</p>\n')
  await s.serve(['gtlsserver', '-q', '-d', s.dir.file('h3'), ...extra, '*', String(port), keys.key, keys.cert], port, 'udp')
}

async function client(s: Stage, port: number, host: string, ...extra: string[]): Promise<void> {
  const argv = ['gtlsclient', '-q', '--exit-on-all-streams-close', '--timeout=2s', '--no-pmtud', ...extra]
  await s.ask([...argv, host, String(port), `https://web.example.test:${port}/`], { codes: [] })
}

const quic = (port: number, labels: Record<string, string>, times = 1): Expect => ({
  port,
  transport: 'udp',
  protocol: 'quic',
  labels,
  times,
})

const versions = (port: number): Scene => ({
  name: `quic-${port}`,
  about: 'version 1, draft of version 2, version negotiation; over IPv4 and IPv6, SNI and ALPN h3',
  async run(s: Stage) {
    await server(s, port)
    await client(s, port, s.server.v4, '--sni=web.example.test')
    await client(s, port, s.server.v6, '--sni=api.example.test')
    // The server's library knows version 2 only in a draft, whose keys differ from RFC 9369: SNI is not asked for.
    await client(s, port, s.server.v4, '--sni=two.example.test', '-v', 'v2draft', '--other-versions=v2draft,v1')
    await client(s, port, s.server.v4, '--sni=new.example.test', '-v', '0x1a2a3a4a', '--preferred-versions=v1', '--other-versions=v1')
    // After version negotiation this client opens another socket.
    return [
      quic(port, { 'tls.sni': 'localhost', 'tls.alpn': 'h3', 'quic.version': '1' }),
      quic(port, { 'tls.sni': 'localhost', 'tls.alpn': 'h3', 'quic.version': '1' }),
      quic(port, {}, 3),
    ]
  },
})

export const QUIC: readonly Scene[] = [
  versions(443),
  versions(5000),
  {
    name: 'quic-retry',
    about: 'the server checks the address with a Retry packet',
    async run(s: Stage) {
      await server(s, 443, '-V')
      await client(s, 443, s.server.v4, '--sni=web.example.test')
      return [quic(443, { 'tls.sni': 'localhost' })]
    },
  },
]
