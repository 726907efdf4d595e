// SPDX-License-Identifier: Apache-2.0
// Where the API listens: unix sockets, and TCP on loopback. One HTTP server for each address, all with the same routes.
import { once } from 'node:events'
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, isIP, type ListenOptions } from 'node:net'
import { formatListen, type Listen } from '../config/listen.js'
import { errorName, FlowidentError } from '../errors.js'
import { TokenBucket } from './rate.js'

const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
}
const CONNECTIONS = 512
const SOCKET_MODE = 0o660
const RATE = { perSecond: 5000, burst: 10_000 }
/** First descriptor that systemd passes. */
const FIRST_FD = 3

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const fail = (listen: Listen, reason: string, hint?: string): FlowidentError =>
  new FlowidentError('listen-failed', `${formatListen(listen)}: ${reason}`, hint === undefined ? {} : { hint })

/** Whether somebody accepts connections at this path. */
const alive = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(errorName(error) ?? '')))
  })

/** Removes a socket that a dead daemon left behind; anything else at that path is not ours to remove. */
const clearStale = async (listen: Listen & { kind: 'unix' }): Promise<void> => {
  const stat = lstatSync(listen.path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) throw fail(listen, 'something that is no socket is there', 'Move it away, or listen elsewhere.')
  if (await alive(listen.path)) throw fail(listen, 'another process listens there', 'Is a flowident daemon running already?')
  unlinkSync(listen.path)
}

/** The descriptor that systemd passes under this name (sd_listen_fds(3)). */
export const namedDescriptor = (name: string, env: Readonly<Record<string, string | undefined>>, pid = process.pid): number | undefined => {
  if (Number(env['LISTEN_PID']) !== pid) return undefined
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':')
  const index = names.indexOf(name)
  return index >= 0 && index < Number(env['LISTEN_FDS'] ?? 0) ? FIRST_FD + index : undefined
}

const targetOf = (listen: Listen, env: Readonly<Record<string, string | undefined>>): ListenOptions & { fd?: number } => {
  if (listen.kind === 'unix') return { path: listen.path }
  if (listen.kind === 'tcp') {
    if (!isLoopback(listen.host))
      throw fail(listen, 'not a loopback address', 'The API has no access control on TCP yet: use 127.0.0.1, [::1] or a unix socket.')
    return { host: listen.host, port: listen.port }
  }
  const fd = namedDescriptor(listen.name, env)
  if (fd === undefined) throw fail(listen, 'systemd passed no socket of this name')
  return { fd }
}

/** A page that a browser was lured to must not read the API under a name of its own: addresses and localhost only. */
const foreignHost = (host: string | undefined): boolean => {
  if (host === undefined) return false
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name !== 'localhost' && isIP(name) === 0
}

const refuse =
  (code: number, title: string, type: string): RequestListener =>
  (_request, response) => {
    const body = JSON.stringify({ type: `/problems/${type}`, title, status: code })
    response.writeHead(code, { 'content-type': 'application/problem+json', 'retry-after': '1' }).end(body)
  }
const tooMany = refuse(429, 'Too many at once', 'too-many')
const notHere = refuse(403, 'This process may not do that', 'not-permitted')

const guarded = (handler: RequestListener): RequestListener => {
  const bucket = new TokenBucket(RATE.perSecond, RATE.burst, () => performance.now())
  return (request, response) => {
    if (foreignHost(request.headers.host)) return notHere(request, response)
    return bucket.take() ? handler(request, response) : tooMany(request, response)
  }
}

const start = async (listen: Listen, handler: RequestListener, env: Readonly<Record<string, string | undefined>>): Promise<Server> => {
  const target = targetOf(listen, env)
  if (listen.kind === 'unix') await clearStale(listen)
  const server = createServer(LIMITS, listen.kind === 'tcp' ? guarded(handler) : handler)
  server.maxConnections = CONNECTIONS
  const mask = listen.kind === 'unix' ? process.umask(0o777 & ~SOCKET_MODE) : undefined
  try {
    server.listen(target)
    await once(server, 'listening')
  } catch (error) {
    const why: Readonly<Record<string, string>> = {
      EADDRINUSE: 'another process listens there',
      EACCES: 'this user may not',
      ENOENT: 'its folder does not exist',
    }
    throw fail(listen, why[errorName(error) ?? ''] ?? (error as Error).message)
  } finally {
    if (mask !== undefined) process.umask(mask)
  }
  if (listen.kind === 'unix') chmodSync(listen.path, SOCKET_MODE)
  return server
}

export class Listeners implements AsyncDisposable {
  readonly #servers: { readonly listen: Listen; readonly server: Server }[] = []

  /** Listens on all addresses, or on none. */
  static async open(
    all: readonly Listen[],
    handler: RequestListener,
    env: Readonly<Record<string, string | undefined>>,
  ): Promise<Listeners> {
    const listeners = new Listeners()
    try {
      for (const listen of all) listeners.#servers.push({ listen, server: await start(listen, handler, env) })
    } catch (error) {
      await listeners[Symbol.asyncDispose]()
      throw error
    }
    return listeners
  }

  /** Of those on TCP, whoever opened them. */
  get tcp(): AddressInfo[] {
    return this.#servers.map(({ server }) => server.address()).filter((address) => typeof address === 'object' && address !== null)
  }

  /** As they turned out: port 0 has become a real one. */
  get addresses(): string[] {
    return this.#servers.map(({ listen, server }) => {
      const address = server.address()
      return formatListen(listen.kind === 'tcp' && typeof address === 'object' && address ? { ...listen, port: address.port } : listen)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#servers.map(
        ({ server }) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            server.closeIdleConnections()
            // Answers under way get a moment; streams do not end by themselves.
            setTimeout(() => server.closeAllConnections(), 500).unref()
          }),
      ),
    )
  }
}
