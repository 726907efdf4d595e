// SPDX-License-Identifier: Apache-2.0
// WebSocket over HTTP/2 (RFC 8441) by node:http2: `h2websocket.ts serve PORT`, `h2websocket.ts talk URL [SUBPROTOCOL]`.
import * as http2 from 'node:http2'

/** One masked or plain text frame of RFC 6455. */
function frame(text: string, masked: boolean): Buffer {
  const body = Buffer.from(text)
  if (!masked) return Buffer.concat([Buffer.from([0x81, body.length]), body])
  const key = Buffer.from([0x11, 0x22, 0x33, 0x44])
  const hidden = body.map((byte, i) => byte ^ (key[i % 4] as number))
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length]), key, hidden])
}

function serve(port: number): void {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } })
  server.on('stream', (stream, headers) => {
    if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
      stream.respond({ ':status': 400 }, { endStream: true })
      return
    }
    const chosen = headers['sec-websocket-protocol']
    stream.respond({ ':status': 200, ...(chosen === undefined ? {} : { 'sec-websocket-protocol': chosen }) })
    stream.on('data', () => stream.write(frame('echo', false)))
    stream.on('end', () => stream.end())
  })
  server.listen(port, '::')
}

async function talk(url: string, protocol: string | undefined): Promise<void> {
  const session = http2.connect(url)
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/chat',
      'sec-websocket-version': '13',
      ...(protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }),
    },
    { endStream: false },
  )
  await new Promise((resolve) => stream.once('response', resolve))
  for (let i = 0; i < 2; i++) {
    stream.write(frame(`hello ${i}`, true))
    await new Promise((resolve) => stream.once('data', resolve))
  }
  stream.end()
  await new Promise((resolve) => stream.once('close', resolve))
  session.close()
  console.log('talked')
}

const [, , verb, where, protocol] = process.argv
if (verb === 'serve') serve(Number(where))
else await talk(where as string, protocol)
