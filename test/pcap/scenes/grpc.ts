// SPDX-License-Identifier: Apache-2.0
// gRPC by grpc-js, and gRPC-Web by curl.
import { writeFileSync } from 'node:fs'
import type { Expect, Scene, Stage } from '../scene.js'

const LAYERS = ['http2', 'grpc']

const calls = (port: number): Scene => ({
  name: `grpc-calls-${port}`,
  about: 'unary, server streaming, both ways, error, deadline, health check; one connection for each',
  async run(s: Stage) {
    await s.serveApp('grpc', port, 'serve', port)
    const at = `${s.server.v4}:${port}`
    const out: Expect[] = []
    for (const method of ['Once', 'Stream', 'Chat', 'Fail', 'Slow', 'Check']) {
      await s.askApp('grpc', 'call', at, method)
      const service = method === 'Check' ? 'grpc.health.v1.Health' : 'demo.v1.Echo'
      out.push({ port, protocol: 'grpc', layers: LAYERS, labels: { 'rpc.service': service, 'rpc.method': method, 'http.host': at } })
    }
    await s.askApp('grpc', 'call', `[${s.server.v6}]:${port}`, 'Once', 'Once', 'Chat', 'Check')
    out.push({ port, protocol: 'grpc', layers: LAYERS, labels: { 'rpc.service': 'demo.v1.Echo', 'rpc.method': 'Once' } })
    return out
  },
})

export const GRPC: readonly Scene[] = [
  calls(50051),
  calls(6379),
  {
    name: 'grpc-web',
    about: 'gRPC-Web over HTTP/1.1: binary, text, +proto; and a plain POST to the same server',
    async run(s: Stage) {
      await s.serveApp('grpcweb', 8080, 8080)
      const message = Buffer.from([0, 0, 0, 0, 4, 0x0a, 2, 0x68, 0x69])
      writeFileSync(s.dir.file('binary'), message)
      writeFileSync(s.dir.file('text'), message.toString('base64'))
      const post = async (type: string, body: string): Promise<void> => {
        const headers = ['-H', `Content-Type: ${type}`, '-H', 'X-Grpc-Web: 1', '-H', 'Host: api.example.test']
        await s.ask(['curl', '-s', ...headers, '--data-binary', `@${s.dir.file(body)}`, `http://${s.server.v4}:8080/demo.v1.Echo/Once`])
      }
      await post('application/grpc-web', 'binary')
      await post('application/grpc-web+proto', 'binary')
      await post('application/grpc-web-text', 'text')
      await post('application/json', 'text')
      const one = (type: string): Expect => ({
        port: 8080,
        protocol: 'grpc-web',
        layers: ['http1', 'grpc-web'],
        labels: { 'http.host': 'api.example.test', 'http.content_type': type, 'rpc.service': 'demo.v1.Echo', 'rpc.method': 'Once' },
      })
      return [
        one('application/grpc-web'),
        one('application/grpc-web+proto'),
        one('application/grpc-web-text'),
        { port: 8080, protocol: 'http1', labels: { 'http.response.status_code': '415' } },
      ]
    },
  },
]
