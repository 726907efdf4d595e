// SPDX-License-Identifier: Apache-2.0
// TCP connections of this network namespace, as /proc/net/tcp and /proc/net/tcp6 list them.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Endpoint } from '../flows/tuple.js'
import { parseSocketTable } from './socket-table.js'

export interface TcpSocket {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly state: 'established' | 'time-wait'
  /** As in the link `socket:[…]` of a descriptor; `0` once the socket has no process. */
  readonly inode: string
}

/** TCP_ESTABLISHED and TCP_TIME_WAIT of the kernel's tcp_states.h, in hexadecimal. */
const STATES: Readonly<Record<string, TcpSocket['state']>> = { '01': 'established', '06': 'time-wait' }

/** Other states are left out, as are lines that cannot be read. */
export function parseTcpSockets(text: string): TcpSocket[] {
  return parseSocketTable(text).flatMap((row) => {
    const state = STATES[row.state]
    return state ? [{ ...row, state }] : []
  })
}

/** Connections that are open, or were until a minute ago. None when /proc has no such files. */
export async function readTcpSockets(proc: string): Promise<TcpSocket[]> {
  const read = (name: string) => readFile(join(proc, 'self/net', name), 'latin1').catch(() => '')
  return (await Promise.all(['tcp', 'tcp6'].map(read))).flatMap(parseTcpSockets)
}
