// SPDX-License-Identifier: Apache-2.0
// WebSocket over HTTP/1.1 by ws, and over HTTP/2 by node:http2.
import type { Expect, Scene, Stage } from '../scene.js'

const overHttp1 = (port: number): Scene => ({
  name: `websocket-${port}`,
  about: 'with and without subprotocol, compressed, in fragments, ping',
  async run(s: Stage) {
    await s.serveApp('websocket', port, 'serve', port)
    const url = `ws://${s.server.v4}:${port}/chat`
    await s.askApp('websocket', 'plain', url, 'chat.v2', 'chat.v1')
    await s.askApp('websocket', 'plain', url)
    await s.askApp('websocket', 'deflate', url, 'graphql-ws')
    await s.askApp('websocket', 'parts', url)
    await s.askApp('websocket', 'ping', `ws://[${s.server.v6}]:${port}/`, 'mqtt')
    await s.ask(['curl', '-s', `http://${s.server.v4}:${port}/`])
    const one = (subprotocol?: string): Expect => ({
      port,
      protocol: 'websocket',
      layers: ['http1', 'websocket'],
      labels: { 'http.response.status_code': '101', ...(subprotocol === undefined ? {} : { 'websocket.subprotocol': subprotocol }) },
    })
    return [
      one('chat.v2'),
      one(),
      one('graphql-ws'),
      one(),
      one('mqtt'),
      { port, protocol: 'http1', labels: { 'http.response.status_code': '426' } },
    ]
  },
})

export const WEBSOCKET: readonly Scene[] = [
  overHttp1(80),
  overHttp1(5433),
  {
    name: 'websocket-http2',
    about: 'RFC 8441: CONNECT with :protocol websocket',
    async run(s: Stage) {
      await s.serveApp('h2websocket', 8080, 'serve', 8080)
      await s.askApp('h2websocket', 'talk', `http://${s.server.v4}:8080`, 'chat.v2')
      await s.askApp('h2websocket', 'talk', `http://${s.server.v4}:8080`)
      const layers = ['http2', 'websocket']
      return [
        { port: 8080, protocol: 'websocket', layers, labels: { 'websocket.subprotocol': 'chat.v2' } },
        { port: 8080, protocol: 'websocket', layers },
      ]
    },
  },
]
