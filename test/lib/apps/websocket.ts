// SPDX-License-Identifier: Apache-2.0
// WebSocket by ws: `websocket.ts serve PORT`, `websocket.ts plain|deflate|parts|ping URL [SUBPROTOCOL…]`.
import { WebSocket, WebSocketServer } from 'ws'

function serve(port: number): void {
  const server = new WebSocketServer({
    port,
    perMessageDeflate: { threshold: 0 },
    handleProtocols: (offered) => [...offered][0] ?? false,
  })
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
}

async function talk(kind: string, url: string, protocols: string[]): Promise<void> {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: kind === 'deflate' })
  await new Promise((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
  })
  const answer = new Promise((resolve) => socket.once(kind === 'ping' ? 'pong' : 'message', resolve))
  if (kind === 'ping') socket.ping('are you there')
  else if (kind === 'parts') {
    socket.send('one ', { fin: false })
    socket.send('two ', { fin: false })
    socket.send('three', { fin: true })
  } else socket.send(kind === 'deflate' ? 'again and '.repeat(40) : 'hello')
  await answer
  socket.send(Buffer.from([1, 2, 3, 4]))
  await new Promise((resolve) => socket.once('message', resolve))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.close(1000, 'done')
  await closed
  console.log(kind, socket.protocol || '-')
}

const [, , verb, where, ...protocols] = process.argv
if (verb === 'serve') serve(Number(where))
else await talk(verb as string, where as string, protocols)
