// SPDX-License-Identifier: Apache-2.0
// HTTP/1: nginx, node:http and HAProxy on one side, curl and hand-written requests on the other.
import { haproxy, nginx } from '../../lib/servers/web.js'
import type { Expect, Scene, Stage } from '../scene.js'

const http = (port: number, labels: Record<string, string> = {}, layers?: string[]): Expect => ({
  port,
  protocol: 'http1',
  labels,
  ...(layers === undefined ? {} : { layers }),
})

const methods = (port: number): Scene => ({
  name: `http1-methods-${port}`,
  about: 'GET, POST, HEAD, OPTIONS, PUT, DELETE, PATCH by curl against nginx',
  async run(s: Stage) {
    await s.keep(nginx(s.serverNs, s.dir, [{ port }]))
    const url = `http://${s.server.v4}:${port}`
    const host = port === 80 ? s.server.v4 : `${s.server.v4}:${port}`
    await s.ask(['curl', '-s', `${url}/`])
    await s.ask(['curl', '-s', '-H', 'Content-Type: application/json', '-d', '{"a":1}', `${url}/upload`])
    await s.ask(['curl', '-s', '-I', `${url}/`])
    for (const m of ['OPTIONS', 'PUT', 'DELETE', 'PATCH']) await s.ask(['curl', '-s', '-X', m, `${url}/x?q=1`])
    await s.ask(['curl', '-s', '-g', '-H', 'Host: web.example.test', `http://[${s.server.v6}]:${port}/moved`])
    const one = (m: string): Expect => http(port, { 'http.request.method': m, 'http.host': host })
    return [
      http(port, {
        'http.request.method': 'GET',
        'http.host': host,
        'url.path': '/',
        'http.response.status_code': '200',
        'http.content_type': 'text/plain',
      }),
      http(port, {
        'http.request.method': 'POST',
        'http.host': host,
        'url.path': '/upload',
        'http.response.status_code': '201',
        'http.content_type': 'application/json',
      }),
      ...['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH'].map(one),
      http(port, { 'http.host': 'web.example.test', 'http.response.status_code': '301' }),
    ]
  },
})

export const HTTP1: readonly Scene[] = [
  methods(80),
  methods(5432),
  {
    name: 'http1-forms',
    about: 'absolute form, asterisk form, chunked upload, HTTP/1.0, keep-alive, pipelining, a bare error',
    async run(s: Stage) {
      await s.keep(nginx(s.serverNs, s.dir, [{ port: 8080 }]))
      const url = `http://${s.server.v4}:8080`
      await s.ask(['curl', '-s', '-x', url, 'http://web.example.test/'])
      await s.ask(['curl', '-s', '-X', 'OPTIONS', '--request-target', '*', url])
      await s.ask([
        'curl',
        '-s',
        '-H',
        'Transfer-Encoding: chunked',
        '-H',
        'Host: chunk.example.test',
        '-d',
        'x'.repeat(300),
        `${url}/upload`,
      ])
      await s.ask(['curl', '-s', '-0', '-H', 'Host: old.example.test', `${url}/`])
      await s.ask(['curl', '-s', '-H', 'Host: keep.example.test', `${url}/a`, `${url}/b`, `${url}/big`])
      const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: pipe.example.test\r\n\r\n`
      await s.say(8080, get('/1') + get('/2') + get('/3'))
      await s.say(8080, 'BREW /pot HTTP/1.1\r\nhOsT:   tea.example.test  \r\n\r\n')
      await s.say(8080, 'GET /\r\n')
      return [
        http(8080, { 'http.host': 'web.example.test', 'http.request.method': 'GET' }),
        http(8080, { 'http.request.method': 'OPTIONS' }),
        http(8080, { 'http.host': 'chunk.example.test', 'http.request.method': 'POST' }),
        http(8080, { 'http.host': 'old.example.test' }),
        http(8080, { 'http.host': 'keep.example.test', 'url.path': '/a' }),
        http(8080, { 'http.host': 'pipe.example.test', 'url.path': '/1' }),
        http(8080, { 'http.host': 'tea.example.test' }),
        http(8080),
      ]
    },
  },
  {
    name: 'http1-connect',
    about: 'CONNECT through a proxy, then TLS or plain HTTP inside',
    async run(s: Stage) {
      await s.keep(nginx(s.serverNs, s.dir, [{ port: 443, options: 'ssl' }, { port: 80 }], await s.keys()))
      await s.serveApp('connectproxy', 3128, 3128)
      const proxy = `http://${s.server.v4}:3128`
      await s.ask(['curl', '-sk', '-x', proxy, `https://${s.server.v4}/`])
      await s.ask(['curl', '-s', '-p', '-x', proxy, '-H', 'Host: web.example.test', `http://${s.server.v4}:80/`])
      return [
        http(3128, { 'http.request.method': 'CONNECT', 'tunnel.target': `${s.server.v4}:443` }, ['http1', 'tls']),
        http(3128, { 'http.request.method': 'CONNECT', 'tunnel.target': `${s.server.v4}:80` }),
      ]
    },
  },
  {
    name: 'http1-proxy-header',
    about: 'HAProxy puts a PROXY header (versions 1 and 2) in front of HTTP; recorded between HAProxy and nginx',
    async run(s: Stage) {
      await s.keep(nginx(s.serverNs, s.dir, [{ port: 8081, options: 'proxy_protocol' }]))
      const to = `${s.server.v4}:8081`
      await s.keep(haproxy(s.pair.client.name, s.dir, { port: 7001, to, mode: 'tcp', send: 1 }))
      await s.keep(haproxy(s.pair.client.name, s.dir, { port: 7002, to, mode: 'tcp', send: 2 }))
      await s.ask(['curl', '-s', '-H', 'Host: web.example.test', 'http://127.0.0.1:7001/'])
      await s.ask(['curl', '-s', '-H', 'Host: web.example.test', 'http://127.0.0.1:7002/'])
      return [{ ...http(8081, { 'http.host': 'web.example.test' }, ['proxy', 'http1']), times: 2 }]
    },
  },
  {
    name: 'http1-slow',
    about: 'requests in pieces: one byte a segment, a pause inside the method, body before the reply',
    async run(s: Stage) {
      await s.keep(nginx(s.serverNs, s.dir, [{ port: 8080 }]))
      const script = (parts: string[]): string =>
        `exec 3<>/dev/tcp/${s.server.v4}/8080; ${parts.map((p) => `printf '${p}' >&3; sleep 0.03`).join('; ')}; read -t 2 -r line <&3; echo "$line"`
      await s.ask(['bash', '-c', script(['G', 'E', 'T / HTTP/1.1\\r\\nHost: split.example.test\\r\\n\\r\\n'])])
      await s.ask(['bash', '-c', script([...'GET /slow HTTP/1.1'].concat(['\\r\\nHost: bytes.example.test\\r\\n', '\\r\\n']))])
      await s.ask([
        'bash',
        '-c',
        script(['POST /upload HTTP/1.1\\r\\nHo', 'st: half.example.test\\r\\nContent-Length: 5\\r\\n', '\\r\\n', 'hello']),
      ])
      return [
        http(8080, { 'http.host': 'split.example.test' }),
        http(8080, { 'http.host': 'bytes.example.test', 'url.path': '/slow' }),
        http(8080, { 'http.host': 'half.example.test', 'http.request.method': 'POST' }),
      ]
    },
  },
]
