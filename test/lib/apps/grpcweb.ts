// SPDX-License-Identifier: Apache-2.0
// A server for gRPC-Web over HTTP/1.1: `grpcweb.ts PORT`. Answers every call with one message and a trailers frame,
// in base64 when the request is of the -text kind.
import * as http from 'node:http'

function framed(flag: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(flag, 0)
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

const server = http.createServer((request, response) => {
  const type = request.headers['content-type'] ?? ''
  if (request.method !== 'POST' || !type.startsWith('application/grpc-web')) {
    response.writeHead(415).end()
    return
  }
  request.resume().on('end', () => {
    const message = framed(0, Buffer.from([0x0a, 5, ...Buffer.from('hello')]))
    const trailers = framed(0x80, Buffer.from('grpc-status: 0\r\ngrpc-message: \r\n'))
    const body = Buffer.concat([message, trailers])
    response.writeHead(200, { 'content-type': type, 'access-control-expose-headers': 'grpc-status,grpc-message' })
    response.end(type.includes('-text') ? body.toString('base64') : body)
  })
})
server.listen(Number(process.argv[2]), '::')
