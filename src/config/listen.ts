// SPDX-License-Identifier: Apache-2.0
// Addresses to listen on, and to reach a daemon at.
import { isIP } from 'node:net'
import { FlowidentError } from '../errors.js'

export type Listen =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'fd'; readonly name: string }

function read(text: string): Listen | undefined {
  const path = text.startsWith('unix:') ? text.slice(5) : text
  // 107 bytes is what sun_path holds; Node cuts a longer one off without a word.
  if (path.startsWith('/')) return Buffer.byteLength(path) <= 107 && !path.includes('\0') ? { kind: 'unix', path } : undefined
  const fd = /^fd:([A-Za-z0-9_.-]+)$/.exec(text)
  if (fd?.[1] !== undefined) return { kind: 'fd', name: fd[1] }
  const address = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  if (address === null) return undefined
  const port = Number(address[3])
  const host = address[1] ?? address[2] ?? ''
  if (port > 65535 || (address[1] !== undefined && isIP(host) !== 6)) return undefined
  // A name of digits and dots that is no address (1.2.3.400) is a slip, not a host name.
  if (/^[0-9.]+$/.test(host) && isIP(host) !== 4) return undefined
  return { kind: 'tcp', host, port }
}

export const isListen = (text: string): boolean => read(text) !== undefined

export function parseListen(text: string): Listen {
  const found = read(text)
  if (found === undefined)
    throw new FlowidentError('usage', `${JSON.stringify(text)} is not unix:/path, host:port, [v6 address]:port or fd:NAME`)
  return found
}

/** The address as a person would write it. */
export function formatListen(listen: Listen): string {
  if (listen.kind === 'unix') return `unix:${listen.path}`
  if (listen.kind === 'fd') return `fd:${listen.name}`
  return isIP(listen.host) === 6 ? `[${listen.host}]:${listen.port}` : `${listen.host}:${listen.port}`
}
