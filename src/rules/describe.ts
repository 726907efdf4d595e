// SPDX-License-Identifier: Apache-2.0
// A packet in words: `tcp 10.0.0.1:22 > 10.0.0.2:80 in eth0 syn vlan 5 speaks http1 confirmed`.
import { nearest } from '../config/nearest.js'
import { FlowidentError } from '../errors.js'
import { protocolId, protocolNames } from '../flows/protocols.js'
import { FI_LAYERS } from '../gen/abi.js'
import { icmpNames, icmpSix, parseIcmp } from './icmp.js'
import type { Packet } from './packet.js'
import { parseCidr, tcpFlags, transports } from './values.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const fail = (text: string, hint = 'For example: tcp 10.0.0.1:22 > 10.0.0.2:80 in eth0 syn speaks http1'): never => {
  throw new FlowidentError('usage', text, { hint })
}

interface End {
  readonly net: 4 | 6
  readonly bytes: Uint8Array
  readonly port: number | undefined
}

/** `10.0.0.1:22`, `[2001:db8::1]:22`, or an address alone. */
function endOf(text: string): End {
  const [, six, four, plain, port] =
    /^(?:\[([^\]]*)\]|([^:]*)|([^[\]]*))(?::(\d{1,5}))?$/.exec(text.includes('[') || /^[^:]*(:\d+)?$/.test(text) ? text : `[${text}]`) ?? []
  const address = parseCidr(six ?? four ?? plain ?? '')
  if (typeof address === 'string' || text.includes('/')) return fail(`${JSON.stringify(text)} is not an address with a port`)
  if (port !== undefined && Number(port) > 65_535) return fail(`${port} is no port`)
  return { net: address.net, bytes: address.bytes, port: port === undefined ? undefined : Number(port) }
}

const layersOf = (words: string): number[] => {
  if (words === 'unknown') return []
  const ids = words.split('>').map((name) => {
    const meant = nearest(name, protocolNames())
    return protocolId(name) ?? fail(`there is no protocol ${JSON.stringify(name)}${meant ? `; did you mean ${meant}?` : ''}`)
  })
  return ids.length <= FI_LAYERS ? ids : fail(`a flow has at most ${FI_LAYERS} layers`)
}

const numberIn = (text: string, word: string, most: number): number =>
  /^\d{1,10}$/.test(text) && Number(text) <= most ? Number(text) : fail(`${word} needs a number up to ${most}`)

/** `echo-request`, `8` or `3/4`, of the packet's version. */
function messageOf(text: string, net: 4 | 6): number {
  const ranges = parseIcmp(text)
  if (typeof ranges === 'string') {
    const meant = nearest(text, icmpNames)
    return fail(ranges || `${JSON.stringify(text)} is no type of ICMP${meant ? `; did you mean ${meant}?` : ''}`)
  }
  const mine = ranges.find(({ from }) => from >= icmpSix === (net === 6))
  return mine ? mine.from : fail(`IPv${net} has no ${text}`)
}

/** The interface has number 1, whatever its name. */
export function describedPacket(words: readonly string[]): Packet {
  const list = words.flatMap((word) => word.split(/\s+/)).filter((word) => word !== '')
  const arrow = list.indexOf('>')
  const [source, destination] = arrow < 1 ? [] : [list[arrow - 1], list[arrow + 1]]
  if (source === undefined || destination === undefined) return fail('a packet is described as SOURCE > DESTINATION')
  const [from, to] = [endOf(source), endOf(destination)]
  if (from.net !== to.net) return fail('source and destination are of different IP versions')
  const rest = [...list.slice(0, arrow - 1), ...list.slice(arrow + 2)]
  const out: Mutable<Packet> = {
    net: from.net,
    source: from.bytes,
    destination: to.bytes,
    transport: 6,
    ports: undefined,
    tcpFlags: undefined,
    vlan: 0,
    ifindex: 1,
    interface: '',
    direction: 'in',
    reply: false,
    pending: true,
    layers: [],
    named: 0,
    confidence: 0,
  }
  let flags: number | undefined
  const next = (word: string): string => rest.shift() ?? fail(`something is missing after ${word}`)
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const flag = tcpFlags[word]
    if (transports[word] !== undefined) out.transport = transports[word] as number
    else if (flag !== undefined) flags = (flags ?? 0) | flag
    else if (word === 'in' || word === 'out') {
      out.direction = word
      out.interface = next(word)
    } else if (word === 'reply') out.reply = true
    else if (word === 'length') out.length = numberIn(next(word), word, 65_535)
    else if (word === 'tunnel') out.tunnel = numberIn(next(word), word, 0xffff_ffff)
    else if (word === 'type') out.icmp = messageOf(next(word), from.net)
    else if (word === 'vlan') out.vlan = /^\d{1,4}$/.test(rest[0] ?? '') ? Number(next(word)) & 4095 : fail('vlan needs a number')
    else if (word === 'speaks') {
      out.layers = layersOf(next(word))
      out.named = Math.max(0, out.layers.length - 1)
      out.confidence = out.layers.length > 0 ? 2 : 0
      out.pending = false
    } else if (word === 'probable' || word === 'confirmed') out.confidence = word === 'probable' ? 1 : 2
    else {
      const plain = ['in', 'out', 'reply', 'vlan', 'type', 'length', 'tunnel', 'speaks', 'probable', 'confirmed']
      const meant = nearest(word, [...Object.keys(transports), ...Object.keys(tcpFlags), ...plain])
      return fail(`${JSON.stringify(word)} says nothing of a packet${meant ? `; did you mean ${meant}?` : ''}`)
    }
  }
  if ([6, 17, 132].includes(out.transport)) {
    if (from.port === undefined || to.port === undefined) return fail('a port is missing: write ADDRESS:PORT')
    out.ports = { source: from.port, destination: to.port }
  }
  if (out.transport === 6) out.tcpFlags = flags ?? 16
  return out
}
