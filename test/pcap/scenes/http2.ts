// SPDX-License-Identifier: Apache-2.0
// HTTP/2: prior knowledge, upgrade from HTTP/1.1, over TLS by ALPN.
import { nghttpd, nginx } from '../../lib/servers/web.js'
import type { Expect, Scene, Stage } from '../scene.js'

const h2 = (port: number, labels: Record<string, string> = {}, times = 1): Expect => ({ port, protocol: 'http2', labels, times })

const prior = (port: number): Scene => ({
  name: `http2-prior-${port}`,
  about: 'prior knowledge: curl, nghttp, h2load and node against nginx and nghttpd',
  async run(s: Stage) {
    await s.keep(nginx(s.serverNs, s.dir, [{ port, options: 'http2' }]))
    await s.keep(nghttpd(s.serverNs, s.dir, port + 1))
    const url = (p: number, host: string = s.server.v4): string => `http://${host}:${p}`
    const curl = ['curl', '-s', '-g', '--http2-prior-knowledge']
    await s.ask([...curl, '-H', 'Host: web.example.test', `${url(port)}/`])
    // nginx may answer before it has read the body and then reset the stream, which curl reports with 92.
    await s.ask([...curl, '-d', 'x=1', `${url(port)}/upload`], { codes: [0, 92] })
    await s.ask([...curl, '-I', `${url(port, `[${s.server.v6}]`)}/`])
    await s.ask(['nghttp', '-n', `${url(port + 1)}/`, `${url(port + 1)}/big.txt`])
    await s.ask(['h2load', '-n', '6', '-c', '2', '-m', '3', `${url(port + 1)}/`])
    return [
      h2(port, { 'http.host': 'web.example.test', 'http.request.method': 'GET', 'url.path': '/' }),
      h2(port, { 'http.request.method': 'POST', 'url.path': '/upload' }),
      h2(port, { 'http.request.method': 'HEAD' }),
      h2(port + 1, { 'http.host': `${s.server.v4}:${port + 1}` }, 3),
    ]
  },
})

export const HTTP2: readonly Scene[] = [
  prior(8080),
  prior(3306),
  {
    name: 'http2-upgrade',
    about: 'h2c: curl --http2 and nghttp -u against nghttpx, with and without a body',
    async run(s: Stage) {
      await s.keep(nginx(s.serverNs, s.dir, [{ port: 9000 }]))
      const front = ['nghttpx', '--frontend=*,8080;no-tls', '--backend=127.0.0.1,9000', '--workers=1', '--conf=/dev/null', '--no-ocsp']
      await s.serve(front, 8080)
      const url = `http://${s.server.v4}:8080/`
      await s.ask(['curl', '-s', '--http2', url])
      await s.ask(['curl', '-s', '--http2', '-H', 'Host: up.example.test', `${url}big`])
      await s.ask(['nghttp', '-u', '-n', url])
      const layers = ['http1', 'http2']
      return [
        { ...h2(8080, { 'http.host': `${s.server.v4}:8080`, 'http.request.method': 'GET' }), layers },
        { ...h2(8080, { 'http.host': 'up.example.test' }), layers },
        { ...h2(8080), layers },
      ]
    },
  },
  {
    name: 'http2-tls',
    about: 'HTTP/2 over TLS, chosen by ALPN: stays tls',
    async run(s: Stage) {
      await s.keep(nginx(s.serverNs, s.dir, [{ port: 443, options: 'ssl http2' }], await s.keys()))
      await s.keep(nghttpd(s.serverNs, s.dir, 8443, await s.keys()))
      await s.ask(['curl', '-sk', '--connect-to', `web.example.test:443:${s.server.v4}:443`, 'https://web.example.test/'])
      await s.ask(['nghttp', '-n', '--no-verify-peer', `https://${s.server.v4}:8443/`])
      return [
        { port: 443, protocol: 'tls', labels: { 'tls.sni': 'web.example.test', 'tls.alpn': 'h2,http/1.1' } },
        { port: 8443, protocol: 'tls' },
      ]
    },
  },
]
