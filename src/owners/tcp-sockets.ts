// SPDX-License-Identifier: Apache-2.0
// TCP connections of this network namespace, as /proc/net/tcp and /proc/net/tcp6 list them.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Endpoint } from '../flows/tuple.js'

export interface TcpSocket {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly state: 'established' | 'time-wait'
  /** As in the link `socket:[…]` of a descriptor; `0` once the socket has no process. */
  readonly inode: string
}

/** TCP_ESTABLISHED and TCP_TIME_WAIT of the kernel's tcp_states.h, in hexadecimal. */
const STATES: Readonly<Record<string, TcpSocket['state']>> = { '01': 'established', '06': 'time-wait' }
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** `0100007F:1F90`: each 32-bit word as the host holds it, here little-endian; the port as a number. */
function endpoint(text: string): Endpoint | undefined {
  const [, address, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text) ?? []
  if (address === undefined || port === undefined) return undefined
  const words = Buffer.from(address, 'hex').swap32()
  return { bytes: Uint8Array.from(words.length === 4 ? [...MAPPED, ...words] : words), port: Number.parseInt(port, 16) }
}

/** Lines that cannot be read, the heading among them, are left out. */
export function parseTcpSockets(text: string): TcpSocket[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [local, remote] = [endpoint(fields[1] ?? ''), endpoint(fields[2] ?? '')]
    const state = STATES[fields[3] ?? '']
    return local && remote && state ? [{ local, remote, state, inode: fields[9] ?? '0' }] : []
  })
}

/** Connections that are open, or were until a minute ago. None when /proc has no such files. */
export async function readTcpSockets(proc: string): Promise<TcpSocket[]> {
  const read = (name: string) => readFile(join(proc, 'self/net', name), 'latin1').catch(() => '')
  return (await Promise.all(['tcp', 'tcp6'].map(read))).flatMap(parseTcpSockets)
}
