// SPDX-License-Identifier: Apache-2.0
// gRPC by @grpc/grpc-js: `grpc.ts serve PORT`, `grpc.ts call ADDRESS:PORT METHOD…` (one connection, calls in order).
import { fileURLToPath } from 'node:url'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
// biome-ignore lint/suspicious/noExplicitAny: grpc-js builds its clients at run time from the .proto files
const packages = grpc.loadPackageDefinition(loadSync([file('echo.proto'), file('health.proto')])) as any
const Echo = packages.demo.v1.Echo
const Health = packages.grpc.health.v1.Health

interface Text {
  text: string
}

function serve(port: number): void {
  const server = new grpc.Server()
  server.addService(Echo.service, {
    Once: (call: grpc.ServerUnaryCall<Text, Text>, done: grpc.sendUnaryData<Text>) => done(null, call.request),
    Stream: (call: grpc.ServerWritableStream<Text, Text>) => {
      for (let i = 0; i < 3; i++) call.write({ text: `${call.request.text} ${i}` })
      call.end()
    },
    Chat: (call: grpc.ServerDuplexStream<Text, Text>) => {
      call.on('data', (message: Text) => call.write(message))
      call.on('end', () => call.end())
    },
    Fail: (_call: unknown, done: grpc.sendUnaryData<Text>) => done({ code: grpc.status.NOT_FOUND, details: 'no such thing' }),
    Slow: () => {
      // Never answers: the client's deadline ends the call.
    },
  })
  server.addService(Health.service, {
    Check: (_call: unknown, done: grpc.sendUnaryData<{ status: string }>) => done(null, { status: 'SERVING' }),
  })
  server.bindAsync(`[::]:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
    if (error) throw error
  })
}

type Client = Record<string, (...args: unknown[]) => unknown>

function unary(client: Client, method: string, message: object, options = {}): Promise<string> {
  return new Promise((resolve) => {
    client[method]?.(message, new grpc.Metadata(), options, (error: grpc.ServiceError | null) =>
      resolve(error === null ? 'OK' : String(grpc.status[error.code])),
    )
  })
}

async function stream(client: Client, method: string, bidi: boolean): Promise<string> {
  const call = (bidi ? client[method]?.() : client[method]?.({ text: 'many' })) as grpc.ClientDuplexStream<Text, Text>
  let seen = 0
  const ended = new Promise<string>((resolve, reject) => {
    call.on('data', () => {
      seen++
      if (bidi && seen < 3) call.write({ text: `turn ${seen}` })
      else if (bidi) call.end()
    })
    call.on('end', () => resolve(`OK ${seen}`))
    call.on('error', reject)
  })
  if (bidi) call.write({ text: 'turn 0' })
  return ended
}

async function call(target: string, methods: readonly string[]): Promise<void> {
  const credentials = grpc.credentials.createInsecure()
  const echo = new Echo(target, credentials) as Client & grpc.Client
  const health = new Health(target, credentials) as Client & grpc.Client
  for (const method of methods) {
    let result: string
    if (method === 'Stream') result = await stream(echo, 'Stream', false)
    else if (method === 'Chat') result = await stream(echo, 'Chat', true)
    else if (method === 'Check') result = await unary(health, 'Check', { service: '' })
    else result = await unary(echo, method, { text: 'hello' }, method === 'Slow' ? { deadline: Date.now() + 200 } : {})
    console.log(method, result)
  }
  echo.close()
  health.close()
}

const [, , verb, where, ...methods] = process.argv
if (verb === 'serve') serve(Number(where))
else await call(where as string, methods)
