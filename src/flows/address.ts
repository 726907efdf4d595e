// SPDX-License-Identifier: Apache-2.0
// IP addresses as the records hold them: 16 bytes, IPv4 as ::ffff:a.b.c.d.
import ipaddr from 'ipaddr.js'

/** RFC 5952 text of the 16 bytes at `at`. */
export const addressText = (data: DataView, at: number, net: number): string => {
  if (net === 4) return `${data.getUint8(at + 12)}.${data.getUint8(at + 13)}.${data.getUint8(at + 14)}.${data.getUint8(at + 15)}`
  const group = (i: number): number => data.getUint16(at + 2 * i, false)
  // The longest run of two or more zero groups is shortened, the first one when there are several.
  let best = -1
  let run = 1
  for (let i = 0; i < 8; ) {
    let end = i
    while (end < 8 && group(end) === 0) end++
    if (end - i > run) [best, run] = [i, end - i]
    i = Math.max(end, i + 1)
  }
  let out = ''
  for (let i = 0; i < 8; i++) {
    if (i === best) {
      out += '::'
      i += run - 1
    } else {
      out += (out === '' || out.endsWith(':') ? '' : ':') + group(i).toString(16)
    }
  }
  return out
}

/** The 16 bytes of an address, or undefined when it is none. Zone suffixes (%eth0) are not accepted. */
export const addressBytes = (address: string): Uint8Array | undefined => {
  if (address.includes('%') || !(ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address))) return undefined
  const parsed = ipaddr.parse(address)
  return Uint8Array.from(parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress().toByteArray() : parsed.toByteArray())
}

/** A network: the bytes of its address and how many bits of the 128 count. */
export interface Prefix {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export const parsePrefix = (value: string): Prefix | undefined => {
  const slash = value.indexOf('/')
  const bytes = addressBytes(slash < 0 ? value : value.slice(0, slash))
  if (!bytes) return undefined
  if (slash < 0) return { bytes, bits: 128 }
  const length = value.slice(slash + 1)
  const shift = value.includes(':') ? 0 : 96
  if (!/^\d{1,3}$/.test(length) || Number(length) > 128 - shift) return undefined
  return { bytes, bits: Number(length) + shift }
}

/** Do the 16 bytes at `at` lie in the network? */
export const inPrefix = (data: DataView, at: number, prefix: Prefix): boolean => {
  const whole = prefix.bits >> 3
  for (let i = 0; i < whole; i++) if (data.getUint8(at + i) !== prefix.bytes[i]) return false
  const rest = prefix.bits & 7
  return rest === 0 || (data.getUint8(at + whole) ^ prefix.bytes[whole]!) >> (8 - rest) === 0
}
