// SPDX-License-Identifier: Apache-2.0
// Rows of /proc/net/{tcp,udp}[6]: one format, with the words of addresses as the host holds them.
import { addressText } from '../flows/address.js'
import type { Endpoint } from '../flows/tuple.js'

export interface SocketRow {
  readonly local: Endpoint
  readonly remote: Endpoint
  /** A number of the kernel's tcp_states.h, two hexadecimal digits; UDP borrows `07` for a socket that is not connected. */
  readonly state: string
  /** As in the link `socket:[…]` of a descriptor; `0` once the socket has no process. */
  readonly inode: string
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** `0100007F:1F90`: each 32-bit word as the host holds it, here little-endian; the port as a number. */
export function readEndpoint(text: string): Endpoint | undefined {
  const [, address, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text) ?? []
  if (address === undefined || port === undefined) return undefined
  const words = Buffer.from(address, 'hex').swap32()
  return { bytes: Uint8Array.from(words.length === 4 ? [...MAPPED, ...words] : words), port: Number.parseInt(port, 16) }
}

/** Text of the address, IPv4 also when an IPv6 socket holds it mapped. */
export function endpointAddress({ bytes }: Endpoint): string {
  const mapped = MAPPED.every((byte, at) => bytes[at] === byte)
  return addressText(new DataView(bytes.buffer, bytes.byteOffset, 16), 0, mapped ? 4 : 6)
}

/** Lines that cannot be read, the heading among them, are left out. */
export function parseSocketTable(text: string): SocketRow[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [local, remote] = [readEndpoint(fields[1] ?? ''), readEndpoint(fields[2] ?? '')]
    return local && remote ? [{ local, remote, state: fields[3] ?? '', inode: fields[9] ?? '0' }] : []
  })
}
