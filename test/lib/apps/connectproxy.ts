// SPDX-License-Identifier: Apache-2.0
// An HTTP proxy that only knows CONNECT: `connectproxy.ts PORT`.
import * as http from 'node:http'
import * as net from 'node:net'

const server = http.createServer((_request, response) => {
  response.writeHead(405).end()
})
server.on('connect', (request, client, head) => {
  const target = new URL(`http://${request.url}`)
  const upstream = net.connect(Number(target.port || 80), target.hostname.replace(/^\[|\]$/g, ''), () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    upstream.write(head)
    upstream.pipe(client).pipe(upstream)
  })
  upstream.on('error', () => client.destroy())
  client.on('error', () => upstream.destroy())
})
server.listen(Number(process.argv[2]), '::')
