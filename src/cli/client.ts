// SPDX-License-Identifier: Apache-2.0
// Asks the daemon's API, over its unix socket unless told otherwise.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { type ErrorCode, errorName, errorTable, FlowidentError } from '../errors.js'

export const defaultSocket = '/run/flowident/flowident.sock'
/** An answer larger than this is no answer of ours. */
const answerBytes = 256 * 1024 * 1024

/** Options that every command with a daemon behind it has. */
export interface ClientOptions {
  readonly url?: string | undefined
  readonly timeout?: number | undefined
}

export interface Target {
  /** How a person names it. */
  readonly label: string
  readonly socketPath?: string
  readonly url?: URL
}

/** `--url` or FLOWIDENT_URL: `http://host:port`, `unix:/path` or `/path`; else the default socket. */
export function target(options: ClientOptions, env: Readonly<Record<string, string | undefined>>): Target {
  const given = options.url ?? (env['FLOWIDENT_URL'] || `unix:${defaultSocket}`)
  const path = given.startsWith('unix:') ? given.slice(5).replace(/^\/\/(?=\/)/, '') : given
  if (path.startsWith('/')) return { label: path, socketPath: path }
  if (!/^https?:\/\//.test(given) || !URL.canParse(given))
    throw new FlowidentError('usage', `--url: ${JSON.stringify(given)} is neither http://host:port nor unix:/path`)
  const url = new URL(given)
  return { label: url.origin, url }
}

type Query = Readonly<Record<string, string | number | undefined>>

interface Sent {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Problem {
  readonly type?: string
  readonly title?: string
  readonly detail?: string
  readonly hint?: string
  readonly errors?: readonly { readonly detail?: string; readonly pointer?: string }[]
}

export class Client {
  readonly #target: Target
  readonly #timeout: number

  constructor(options: ClientOptions, env: Readonly<Record<string, string | undefined>>) {
    this.#target = target(options, env)
    this.#timeout = options.timeout ?? 10_000
  }

  get label(): string {
    return this.#target.label
  }

  async get<T>(path: string, query: Query = {}): Promise<T> {
    return this.#read(path, await this.text(path, query))
  }

  async put<T>(path: string, body: string, headers: Readonly<Record<string, string>>, query: Query = {}): Promise<T> {
    return this.#read(path, await this.text(path, query, { method: 'PUT', body, headers }))
  }

  async post<T>(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<T> {
    return this.#read(path, await this.text(path, {}, { method: 'POST', body, headers }))
  }

  #read<T>(path: string, { status, text }: { readonly status: number; readonly text: string }): T {
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch (error) {
      throw new FlowidentError('daemon-unreachable', `${this.label}: the answer to ${path} is not JSON`, { cause: error })
    }
    if (status < 400) return body as T
    const { type, title, detail, hint, errors } = body as Problem
    const message = detail ?? title ?? `${path}: status ${status}`
    const lines = (errors ?? []).flatMap(({ pointer, detail: text }) => {
      // A mistake in one part repeats the message before its particulars.
      const [first = '', ...rest] = (text ?? '').split('\n')
      return [...(first === message ? [] : [[pointer, first].filter(Boolean).join(': ')]), ...rest]
    })
    const named = /\/problems\/([a-z-]+)$/.exec(type ?? '')?.[1] ?? ''
    const code = named in errorTable ? (named as ErrorCode) : status === 404 ? 'no-match' : status < 500 ? 'bad-request' : 'internal'
    throw new FlowidentError(code, message, { details: lines, ...(hint !== undefined && { hint }) })
  }

  /** Any status; only what keeps an answer from coming is thrown. */
  text(path: string, query: Query = {}, { method = 'GET', body, headers }: Sent = {}): Promise<{ status: number; text: string }> {
    const words = new URLSearchParams()
    for (const [key, value] of Object.entries(query)) if (value !== undefined) words.set(key, String(value))
    const full = words.size === 0 ? path : `${path}?${words}`
    const { socketPath, url } = this.#target
    const options = { method, path: full, headers: { accept: 'application/json', ...headers }, timeout: this.#timeout }
    return new Promise((resolve, reject) => {
      const refuse = (error: Error) => reject(this.#unreachable(error))
      const answer = (response: IncomingMessage) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          size += chunk.length
          if (size > answerBytes) response.destroy(new Error('the answer is too large'))
        })
        response.on('error', refuse)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
      }
      let asked: ClientRequest
      if (url === undefined) asked = request({ ...options, socketPath, host: 'localhost' }, answer)
      else {
        const base = { ...options, path: url.pathname.replace(/\/$/, '') + full, protocol: url.protocol, port: url.port }
        asked = (url.protocol === 'https:' ? secureRequest : request)({ ...base, hostname: url.hostname.replace(/^\[|\]$/g, '') }, answer)
      }
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${this.#timeout / 1000} s`)))
      asked.on('error', refuse)
      asked.end(body)
    })
  }

  #unreachable(error: Error): FlowidentError {
    const why: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such socket',
      ECONNREFUSED: 'nothing listens there',
      EACCES: 'this user may not open it',
    }
    const name = errorName(error) ?? ''
    return new FlowidentError('daemon-unreachable', `${this.label}: ${why[name] ?? error.message}`, {
      cause: error,
      hint:
        name === 'EACCES'
          ? 'Run as root, or as a member of the group that owns the socket.'
          : 'Is the daemon running? `flowident run` starts it; --url names another address.',
    })
  }
}
