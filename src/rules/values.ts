// SPDX-License-Identifier: Apache-2.0
// Addresses, ports, flags and transports as people write them.
import ipaddr from 'ipaddr.js'
import { isNamed } from '../kernel/wire.js'
import type { Cidr, Range } from './model.js'

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})(?:\/(\d{1,2}))?$/

/** Plain IPv4, of which a list may have a hundred thousand; undefined: something else, or something wrong. */
function parseDotted(text: string): Cidr | undefined {
  const found = DOTTED.exec(text)
  if (found === null) return undefined
  const bytes = new Uint8Array(4)
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = Number(found[i + 1])
    if (byte > 255) return undefined
    bytes[i] = byte
    value = value * 256 + byte
  }
  const length = found[5] === undefined ? 32 : Number(found[5])
  return length > 32 || value % 2 ** (32 - length) !== 0 ? undefined : { net: 4, bytes, length }
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. A text says why it is none. */
export function parseCidr(text: string): Cidr | string {
  const dotted = parseDotted(text)
  if (dotted) return dotted
  const [address = '', bits, ...rest] = text.split('/')
  const strict = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
  if (!strict || rest.length > 0 || address.includes('%')) return `${JSON.stringify(text)} is neither an address nor address/length`
  const parsed = ipaddr.parse(address)
  const bytes = Uint8Array.from(parsed.toByteArray())
  const most = bytes.length * 8
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > most))
    return `${JSON.stringify(text)}: the length must be from 0 to ${most}`
  const length = bits === undefined ? most : Number(bits)
  if (bytes.length === 16 && (parsed as ipaddr.IPv6).isIPv4MappedAddress()) return `${JSON.stringify(text)}: write it as an IPv4 address`
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))) & 0xff)
  const odd = masked.findIndex((byte, i) => byte !== bytes[i])
  if (odd >= 0) {
    const meant = ipaddr.fromByteArray([...masked]).toString()
    return `${JSON.stringify(text)} has bits behind its length; did you mean ${meant}/${length}?`
  }
  return { net: bytes.length === 4 ? 4 : 6, bytes, length }
}

/** Number of an IPv4 prefix, shortened to `length`: the address and behind it the length, 38 bits. In this order a prefix stands in front
 * of those that it holds. */
export function dottedKey({ bytes }: Cidr, length: number): number {
  const address = (bytes[0] ?? 0) * 0x100_0000 + (((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0))
  return (address - (address % 2 ** (32 - length))) * 64 + length
}

export const spellCidr = ({ bytes, length }: Cidr): string => `${ipaddr.fromByteArray([...bytes]).toString()}/${length}`

export function holds(cidr: Cidr, net: 4 | 6, address: Uint8Array): boolean {
  if (cidr.net !== net) return false
  for (let bit = 0; bit < cidr.length; bit += 8) {
    const mask = cidr.length - bit >= 8 ? 0xff : (0xff00 >> (cidr.length - bit)) & 0xff
    if ((((cidr.bytes[bit / 8] ?? 0) ^ (address[bit / 8] ?? 0)) & mask) !== 0) return false
  }
  return true
}

/** A number or `from-to`. */
export function parseRange(value: unknown, most: number): Range | string {
  const [, from, to] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(String(value)) ?? []
  if (from === undefined || (typeof value !== 'number' && typeof value !== 'string'))
    return `${JSON.stringify(value)} is neither a number nor a range such as 8000-8099`
  const range = { from: Number(from), to: Number(to ?? from) }
  if (range.to > most) return `${range.to} is too large; write a number from 0 to ${most}`
  return range.from > range.to ? `${JSON.stringify(value)} ends before it begins; write ${range.to}-${range.from}` : range
}

export const inRanges = (ranges: readonly Range[], value: number): boolean => ranges.some(({ from, to }) => from <= value && value <= to)
export const spellRange = ({ from, to }: Range): string => (from === to ? String(from) : `${from}-${to}`)

export const tcpFlags: Readonly<Record<string, number>> = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 }
export const transports: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  sctp: 132,
}
export const confidences = ['unknown', 'probable', 'confirmed'] as const

export { isNamed }
