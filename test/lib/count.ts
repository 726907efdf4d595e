// SPDX-License-Identifier: Apache-2.0
// The truth about a capture: its flows (innermost where tunnelled), who opened them, and what each end sent, counted
// in IP packets and IP bytes of the innermost packet. Written apart from the code under test.
import type { Frame } from './pcap.js'

export interface End {
  address: string
  port: number
  packets: number
  bytes: number
  /** Packets with payload, and payload bytes as sent (retransmissions count again). */
  payloads: number
  payloadBytes: number
}

export interface Flow {
  transport: 'tcp' | 'udp'
  /** Who opened it: SYN sender, else sender of the first packet. */
  source: End
  destination: End
  first: number
  fragmented: boolean
  /** TCP: who sent the first FIN, and what passed after the other end acknowledged it: by then that socket may be gone. */
  closer: 'source' | 'destination' | undefined
  late: Record<'source' | 'destination', { packets: number; bytes: number }>
}

/** While counting. */
interface Tracked extends Flow {
  fin?: number
  acknowledged?: boolean
}

export interface Ip {
  version: 4 | 6
  source: string
  destination: string
  protocol: number
  /** Bytes after the IP headers. */
  body: Buffer
  total: number
  /** Set on fragments: same for all fragments of one packet. */
  fragment: string | undefined
  firstFragment: boolean
}

function address6(b: Buffer): string {
  const words = Array.from({ length: 8 }, (_, i) => b.readUInt16BE(i * 2))
  let best = { at: -1, n: 1 }
  for (let i = 0; i < 8; i++) {
    let n = 0
    while (i + n < 8 && words[i + n] === 0) n++
    if (n > best.n) best = { at: i, n }
  }
  const text = (part: number[]): string => part.map((w) => w.toString(16)).join(':')
  return best.at < 0 ? text(words) : `${text(words.slice(0, best.at))}::${text(words.slice(best.at + best.n))}`
}

function ipv4(b: Buffer): Ip {
  const head = (b.readUInt8(0) & 15) * 4
  const total = Math.min(b.readUInt16BE(2) || b.length, b.length)
  const frag = b.readUInt16BE(6)
  const source = [...b.subarray(12, 16)].join('.')
  const destination = [...b.subarray(16, 20)].join('.')
  const protocol = b.readUInt8(9)
  const split = (frag & 0x3fff) !== 0
  const fragment = split ? `${source} ${destination} ${protocol} ${b.readUInt16BE(4)}` : undefined
  const body = b.subarray(head, total)
  return { version: 4, source, destination, protocol, body, total, fragment, firstFragment: (frag & 0x1fff) === 0 }
}

const EXTENSIONS = new Set([0, 43, 60, 135, 139, 140])

function ipv6(b: Buffer): Ip {
  const total = Math.min(40 + b.readUInt16BE(4), b.length)
  const source = address6(b.subarray(8, 24))
  const destination = address6(b.subarray(24, 40))
  let protocol = b.readUInt8(6)
  let at = 40
  let fragment: string | undefined
  let firstFragment = true
  while (at + 8 <= total) {
    if (EXTENSIONS.has(protocol)) {
      protocol = b.readUInt8(at)
      at += 8 + b.readUInt8(at + 1) * 8
    } else if (protocol === 44) {
      protocol = b.readUInt8(at)
      const offset = b.readUInt16BE(at + 2)
      if (offset !== 0) fragment = `${source} ${destination} ${b.readUInt32BE(at + 4)}`
      firstFragment = offset >> 3 === 0
      at += 8
      if (!firstFragment) break
    } else break
  }
  return { version: 6, source, destination, protocol, body: b.subarray(at, total), total, fragment, firstFragment }
}

function ipOf(type: number, b: Buffer): Ip | undefined {
  if (type === 0x0800 && b.length >= 20) return ipv4(b)
  if (type === 0x86dd && b.length >= 40) return ipv6(b)
  if (type === 0x8100 || type === 0x88a8) return ipOf(b.readUInt16BE(2), b.subarray(4))
  if (type === 0x6558) return ipOf(b.readUInt16BE(12), b.subarray(14))
  return undefined
}

/** Takes the tunnel off a packet, or returns undefined when there is none. */
function inside(ip: Ip): Ip | undefined {
  const b = ip.body
  if (ip.fragment !== undefined) return undefined
  if (ip.protocol === 4) return ipOf(0x0800, b)
  if (ip.protocol === 41) return ipOf(0x86dd, b)
  if (ip.protocol === 47) {
    const flags = b.readUInt16BE(0)
    const head = 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0)
    return ipOf(b.readUInt16BE(2), b.subarray(head))
  }
  if (ip.protocol !== 17 || b.length < 16) return undefined
  const port = b.readUInt16BE(2)
  if (port === 4789) return ipOf(0x6558, b.subarray(16))
  if (port === 6081) return ipOf(b.readUInt16BE(10), b.subarray(16 + (b.readUInt8(8) & 63) * 4))
  return undefined
}

function linkType(frame: Frame): [number, Buffer] {
  const b = frame.data
  if (frame.link === 1) return [0x6558, b]
  if (frame.link === 113) return [b.readUInt16BE(14), b.subarray(16)]
  if (frame.link === 276) return [b.readUInt16BE(0), b.subarray(20)]
  if (frame.link === 101 || frame.link === 12) return [b.readUInt8(0) >> 4 === 6 ? 0x86dd : 0x0800, b]
  throw new Error(`link type ${frame.link} is not read here`)
}

/** The innermost IP packet of a frame; undefined when there is none. */
export function innermost(frame: Frame): Ip | undefined {
  let ip = ipOf(...linkType(frame))
  for (let next = ip; next !== undefined; next = inside(next)) ip = next
  return ip
}

/** The flows of a capture, in order of their first packet. */
export function flowsOf(frames: readonly Frame[]): Flow[] {
  const flows: Flow[] = []
  const open = new Map<string, Tracked>()
  const fragments = new Map<string, End>()
  for (const frame of frames) {
    const ip = innermost(frame)
    if (ip === undefined || (ip.protocol !== 6 && ip.protocol !== 17)) continue
    if (!ip.firstFragment) {
      const end = fragments.get(ip.fragment as string)
      if (end === undefined) throw new Error('fragment without its first part')
      end.packets++
      end.bytes += ip.total
      continue
    }
    const end = account(ip, frame.time, flows, open)
    if (ip.fragment !== undefined) fragments.set(ip.fragment, end)
  }
  return flows
}

function account(ip: Ip, time: number, flows: Flow[], open: Map<string, Tracked>): End {
  const transport = ip.protocol === 6 ? 'tcp' : 'udp'
  const from = { address: ip.source, port: ip.body.readUInt16BE(0) }
  const to = { address: ip.destination, port: ip.body.readUInt16BE(2) }
  const key = [transport, ...[`${from.address} ${from.port}`, `${to.address} ${to.port}`].sort()].join(' ')
  const flags = transport === 'tcp' ? ip.body.readUInt8(13) : 0
  let flow = open.get(key)
  if (flow === undefined) {
    const none = { packets: 0, bytes: 0, payloads: 0, payloadBytes: 0 }
    const swap = (flags & 0x12) === 0x12
    const [source, destination] = swap ? [to, from] : [from, to]
    flow = {
      transport,
      source: { ...source, ...none },
      destination: { ...destination, ...none },
      first: time,
      fragmented: false,
      closer: undefined,
      late: { source: { packets: 0, bytes: 0 }, destination: { packets: 0, bytes: 0 } },
    }
    open.set(key, flow)
    flows.push(flow)
  }
  const same = flow.source.address === from.address && flow.source.port === from.port
  const end = same ? flow.source : flow.destination
  const head = transport === 'tcp' ? (ip.body.readUInt8(12) >> 4) * 4 : 8
  const payload = ip.body.length - head
  end.packets++
  end.bytes += ip.total
  if (payload > 0) end.payloads++
  end.payloadBytes += Math.max(payload, 0)
  if (ip.fragment !== undefined) flow.fragmented = true
  if (transport === 'tcp') close(flow, same ? 'source' : 'destination', ip, payload, flags)
  return end
}

/** Follows the end of a TCP connection, for Flow.late. */
function close(flow: Tracked, from: 'source' | 'destination', ip: Ip, payload: number, flags: number): void {
  if (flow.acknowledged) {
    flow.late[from].packets++
    flow.late[from].bytes += ip.total
  } else if (flow.closer === undefined && (flags & 1) !== 0) {
    flow.closer = from
    flow.fin = (ip.body.readUInt32BE(4) + payload + 1) >>> 0
  } else if (flow.closer !== undefined && flow.closer !== from && ip.body.readUInt32BE(8) === flow.fin) flow.acknowledged = true
}
