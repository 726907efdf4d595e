// SPDX-License-Identifier: Apache-2.0
// What all commands share: the shape of a command file, common options, and paged reading.
import type { Command } from 'commander'
import { FlowidentError } from '../errors.js'
import { Client, type ClientOptions } from './client.js'
import type { Io } from './output.js'

/** Every file of a command exports one of these as `register`. */
export type Register = (program: Command, io: Io) => void

export type Flow = Readonly<Record<string, unknown>>
export type Service = Readonly<Record<string, unknown>>

export interface CommonOptions extends ClientOptions {
  readonly json?: boolean
}

export const withJson = (command: Command): Command => command.option('--json', 'print JSON: one object a line for lists')

export const withClient = (command: Command): Command =>
  withJson(command)
    .option('--url <address>', 'where the daemon is: unix:/path or http://host:port (default: its socket, or $FLOWIDENT_URL)')
    .option('--timeout <seconds>', 'how long to wait for an answer', (text) => positive('--timeout', text) * 1000)

export function positive(name: string, text: string, maximum = 1_000_000): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0 || value > maximum)
    throw new FlowidentError('usage', `${name}: ${JSON.stringify(text)} is not a number above 0 and up to ${maximum}`)
  return value
}

export function whole(name: string, text: string, maximum = 1_000_000): number {
  if (!/^\d+$/.test(text)) throw new FlowidentError('usage', `${name}: ${JSON.stringify(text)} is not a whole number`)
  return positive(name, text, maximum)
}

export const clientOf = (options: CommonOptions, io: Io): Client => new Client(options, io.env)

/** Follows `next` until `limit` items are there; the daemon decides how large a page is. */
export async function* pages<T>(
  client: Client,
  path: string,
  key: string,
  query: Readonly<Record<string, string | undefined>>,
  limit: number,
): AsyncGenerator<readonly T[]> {
  let cursor: string | undefined
  let left = limit
  do {
    const page = await client.get<Readonly<Record<string, unknown>>>(path, { ...query, limit: Math.min(left, 1000), cursor })
    const items = (page[key] ?? []) as readonly T[]
    yield items.slice(0, left)
    left -= items.length
    cursor = (page['next'] as string | null | undefined) ?? undefined
  } while (cursor !== undefined && left > 0)
}

export const layersOf = (flow: Flow): string => {
  const layers = flow['flowident.layers']
  return Array.isArray(layers) && layers.length > 0 ? layers.join('>') : String(flow['network.protocol.name'] ?? 'unknown')
}

/** Who a flow belongs to, in the shortest form that tells. */
export const ownerOf = (flow: Flow): string => {
  const pid = flow['process.pid']
  const path = flow['process.executable.path']
  const name = flow['process.executable.name'] ?? (typeof path === 'string' ? path.split('/').at(-1) : undefined)
  if (pid === undefined || pid === null) return ''
  return `${name ?? '?'}[${pid}]`
}
