// SPDX-License-Identifier: Apache-2.0
// The payloads of a recording, flow by flow and in order, to send them again in other shapes.
import { innermost } from './count.js'
import type { Frame } from './pcap.js'
import type { Place } from './synth.js'

/** Payload of one end; of TCP without what was sent again. */
export interface Turn {
  fromClient: boolean
  data: Buffer
}

export interface Talk {
  transport: 'tcp' | 'udp'
  /** Who opened it: SYN sender, else sender of the first packet. */
  client: Place
  server: Place
  /** A SYN or SYN-ACK was seen before any payload. */
  opened: boolean
  turns: Turn[]
}

interface Open extends Talk {
  /** Next sequence number of client and server; undefined before its first packet. */
  next: [number | undefined, number | undefined]
}

/** Bytes of a TCP segment that come next; what was sent before is left out. Segments out of order are put where they came. */
function fresh(talk: Open, end: 0 | 1, seq: number, data: Buffer): Buffer {
  const next = talk.next[end]
  const behind = next === undefined ? 0 : (next - seq) | 0
  if (behind >= data.length) return data.subarray(data.length)
  const rest = behind > 0 ? data.subarray(behind) : data
  talk.next[end] = (seq + data.length) >>> 0
  return rest
}

/** Flows of a capture with their payloads; fragmented datagrams are left out. A tuple used again is a talk of its own. */
export function talksOf(frames: readonly Frame[]): Talk[] {
  const talks: Talk[] = []
  const open = new Map<string, Open>()
  for (const frame of frames) {
    const ip = innermost(frame)
    if (ip === undefined || ip.fragment !== undefined || (ip.protocol !== 6 && ip.protocol !== 17) || ip.body.length < 8) continue
    const tcp = ip.protocol === 6
    if (tcp && ip.body.length < 20) continue
    const from = { address: ip.source, port: ip.body.readUInt16BE(0) }
    const to = { address: ip.destination, port: ip.body.readUInt16BE(2) }
    const key = [tcp, ...[`${from.address} ${from.port}`, `${to.address} ${to.port}`].sort()].join(' ')
    const flags = tcp ? ip.body.readUInt8(13) : 0
    const seq = tcp ? ip.body.readUInt32BE(4) : 0
    let talk = open.get(key)
    if (talk === undefined || ((flags & 0x12) === 2 && talk.turns.length > 0)) {
      const [client, server] = (flags & 0x12) === 0x12 ? [to, from] : [from, to]
      talk = { transport: tcp ? 'tcp' : 'udp', client, server, opened: (flags & 2) !== 0, turns: [], next: [undefined, undefined] }
      open.set(key, talk)
      talks.push(talk)
    }
    const fromClient = talk.client.address === from.address && talk.client.port === from.port
    const end = fromClient ? 0 : 1
    let data = ip.body.subarray(tcp ? (ip.body.readUInt8(12) >> 4) * 4 : 8)
    if (tcp && flags & 2) talk.next[end] = (seq + 1) >>> 0
    else if (tcp && data.length > 0) data = fresh(talk, end, seq, data)
    if (data.length > 0) talk.turns.push({ fromClient, data })
  }
  return talks
}
