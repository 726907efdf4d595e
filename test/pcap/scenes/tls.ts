// SPDX-License-Identifier: Apache-2.0
// TLS by OpenSSL, GnuTLS (through curl and gtlsclient elsewhere) and nginx: versions, names, big and split hellos.
import { keyPair } from '../../lib/temp.js'
import type { Expect, Scene, Stage } from '../scene.js'

const tls = (port: number, labels: Record<string, string> = {}, times = 1): Expect => ({ port, protocol: 'tls', labels, times })
const WEAK = ['-cipher', 'ALL:@SECLEVEL=0']
const GET = 'GET /small.txt HTTP/1.0\r\n\r\n'

async function server(s: Stage, port: number, ...extra: string[]): Promise<void> {
  const keys = await s.keys()
  s.dir.file('small.txt', 'flowident\n')
  await s.serve(['openssl', 's_server', '-accept', String(port), '-key', keys.key, '-cert', keys.cert, '-WWW', ...extra], port)
}

async function client(s: Stage, port: number, ...extra: string[]): Promise<void> {
  const names = extra.includes('-servername') ? [] : ['-noservername']
  await s.ask(['openssl', 's_client', '-connect', `${s.server.v4}:${port}`, '-quiet', ...names, ...extra], { codes: [], input: GET })
}

const LONG_ALPN = [
  ...Array.from({ length: 60 }, (_, i) => `protocol-with-a-long-name-${String(i).padStart(3, '0')}`),
  'h2',
  'http/1.1',
].join(',')

const versions = (port: number): Scene => ({
  name: `tls-versions-${port}`,
  about: 'TLS 1.0 to 1.3, with and without server name and ALPN, over IPv6',
  async run(s: Stage) {
    await server(s, port, ...WEAK, '-alpn', 'h2,http/1.1')
    const sni = ['-servername', 'web.example.test']
    await client(s, port, '-tls1', ...WEAK, ...sni)
    await client(s, port, '-tls1_1', ...WEAK, ...sni)
    await client(s, port, '-tls1_2', ...sni, '-alpn', 'http/1.1')
    await client(s, port, '-tls1_3', ...sni, '-alpn', 'h2,http/1.1')
    await client(s, port, '-tls1_2')
    await client(s, port)
    await s.ask(['openssl', 's_client', '-connect', `[${s.server.v6}]:${port}`, '-quiet', '-servername', 'api.example.test'], {
      codes: [],
      input: GET,
    })
    const named = { 'tls.sni': 'web.example.test' }
    return [
      tls(port, { ...named, 'tls.protocol.version': '1.0' }),
      tls(port, { ...named, 'tls.protocol.version': '1.1' }),
      tls(port, { ...named, 'tls.protocol.version': '1.2', 'tls.alpn': 'http/1.1' }),
      tls(port, { ...named, 'tls.protocol.version': '1.3', 'tls.alpn': 'h2,http/1.1' }),
      tls(port, { 'tls.protocol.version': '1.2' }),
      tls(port, { 'tls.protocol.version': '1.3' }),
      tls(port, { 'tls.sni': 'api.example.test' }),
    ]
  },
})

export const TLS: readonly Scene[] = [
  versions(443),
  versions(22),
  {
    name: 'tls-resume',
    about: 'a session taken up again by ticket, in 1.2 and in 1.3',
    async run(s: Stage) {
      await server(s, 8443)
      for (const v of ['-tls1_2', '-tls1_3']) {
        const session = s.dir.file(`session${v}`)
        await client(s, 8443, v, '-servername', 'web.example.test', '-sess_out', session)
        await client(s, 8443, v, '-servername', 'web.example.test', '-sess_in', session)
      }
      return [tls(8443, { 'tls.sni': 'web.example.test' }, 4)]
    },
  },
  {
    name: 'tls-failure',
    about: 'no common version, no common cipher: hello and alert only',
    async run(s: Stage) {
      await server(s, 8443, '-tls1_3')
      await client(s, 8443, '-tls1_2', '-servername', 'web.example.test')
      await client(s, 8443, '-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_8_SHA256', '-servername', 'api.example.test')
      return [tls(8443, { 'tls.sni': 'web.example.test' }), tls(8443, { 'tls.sni': 'api.example.test' })]
    },
  },
  {
    name: 'tls-client-certificate',
    about: 'the server asks for a certificate and gets one',
    async run(s: Stage) {
      const mine = await keyPair(s.dir, 'client', 'client.example.test')
      await server(s, 8443, '-Verify', '1', '-verify_return_error', '-CAfile', mine.cert)
      await client(s, 8443, '-cert', mine.cert, '-key', mine.key, '-servername', 'web.example.test')
      await client(s, 8443, '-tls1_2', '-cert', mine.cert, '-key', mine.key, '-servername', 'web.example.test')
      return [tls(8443, { 'tls.sni': 'web.example.test' }, 2)]
    },
  },
  {
    name: 'tls-big-hello',
    about: 'a ClientHello of more than 1500 bytes (long ALPN list) in two segments; the same cut into records of 512 bytes',
    async run(s: Stage) {
      await server(s, 8443, '-alpn', 'h2')
      const last = ['-alpn', LONG_ALPN, '-servername', 'web.example.test']
      await client(s, 8443, ...last)
      await client(s, 8443, ...last, '-max_send_frag', '512')
      return [tls(8443, { 'tls.sni': 'web.example.test' }, 2)]
    },
  },
  {
    name: 'tls-small-mtu',
    about: 'an ordinary ClientHello on a link with an MTU of 296: two segments and more',
    mtu: 296,
    async run(s: Stage) {
      await server(s, 8443)
      await client(s, 8443, '-servername', 'web.example.test', '-alpn', 'h2,http/1.1')
      await client(s, 8443, '-tls1_2', '-servername', 'web.example.test')
      return [tls(8443, { 'tls.sni': 'web.example.test', 'tls.alpn': 'h2,http/1.1' }), tls(8443, { 'tls.sni': 'web.example.test' })]
    },
  },
]
