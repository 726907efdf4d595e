// SPDX-License-Identifier: Apache-2.0
// All that rules can ask of one packet: struct fi_rule_packet.
import { RULE_PACKET } from '../gen/abi.js'

export interface Packet {
  readonly net: 4 | 6
  /** 4 or 16 bytes. */
  readonly source: Uint8Array
  readonly destination: Uint8Array
  /** IP protocol number. */
  readonly transport: number
  /** Undefined: a transport without ports. */
  readonly ports: { readonly source: number; readonly destination: number } | undefined
  /** Undefined: not TCP, or a later fragment. */
  readonly tcpFlags: number | undefined
  readonly vlan: number
  /** Bytes of the IP packet; left out: not known. */
  readonly length?: number
  /** As icmp.ts numbers it; left out: not ICMP, or not known. */
  readonly icmp?: number
  /** Left out, or 0: in no tunnel that has an id. */
  readonly tunnel?: number
  readonly ifindex: number
  readonly interface: string
  readonly direction: 'in' | 'out'
  /** Comes from the end that did not open the flow; false while no flow is known. */
  readonly reply: boolean
  /** The flow's verdict may change still. */
  readonly pending: boolean
  /** Protocol ids, outermost first. */
  readonly layers: readonly number[]
  /** Index of the layer that names the flow. */
  readonly named: number
  readonly confidence: number
  /** Index of the rule that its flow was given to. */
  readonly taken?: number
  /** When it comes, in milliseconds since 1970; left out: now. */
  readonly at?: number
}

export const namedLayer = ({ layers, named }: Packet): number => layers[named] ?? 0
/** Something is known of its flow, or it is known that nothing will be. */
export const isKnown = ({ layers, pending }: Packet): boolean => layers.length > 0 || !pending

function putAddress(into: Uint8Array, at: number, bytes: Uint8Array): void {
  if (bytes.length === 4) into.set([0xff, 0xff, ...bytes], at + 10)
  else into.set(bytes, at)
}

export function encodePackets(packets: readonly Packet[]): Uint8Array {
  const bytes = new Uint8Array(packets.length * RULE_PACKET.sizeof)
  const data = new DataView(bytes.buffer)
  const now = Date.now()
  for (const [i, packet] of packets.entries()) {
    const at = i * RULE_PACKET.sizeof
    putAddress(bytes, at + RULE_PACKET.addr, packet.source)
    putAddress(bytes, at + RULE_PACKET.addr + RULE_PACKET.addrStride, packet.destination)
    data.setUint16(at + RULE_PACKET.port, packet.ports?.source ?? 0, true)
    data.setUint16(at + RULE_PACKET.port + RULE_PACKET.portStride, packet.ports?.destination ?? 0, true)
    data.setUint32(at + RULE_PACKET.ifindex, packet.ifindex, true)
    data.setUint16(at + RULE_PACKET.vlan, packet.vlan, true)
    data.setUint16(at + RULE_PACKET.length, Math.min(packet.length ?? 0, 65_535), true)
    data.setUint16(at + RULE_PACKET.icmp, (packet.icmp ?? 0) & 65_535, true)
    bytes[at + RULE_PACKET.hasIcmp] = packet.icmp === undefined ? 0 : 1
    data.setUint32(at + RULE_PACKET.tunnel, packet.tunnel ?? 0, true)
    bytes[at + RULE_PACKET.net] = packet.net
    bytes[at + RULE_PACKET.l4] = packet.transport
    bytes[at + RULE_PACKET.egress] = packet.direction === 'out' ? 1 : 0
    bytes[at + RULE_PACKET.hasPorts] = packet.ports === undefined ? 0 : 1
    bytes[at + RULE_PACKET.hasFlags] = packet.tcpFlags === undefined ? 0 : 1
    bytes[at + RULE_PACKET.tcpFlags] = packet.tcpFlags ?? 0
    bytes[at + RULE_PACKET.reply] = packet.reply ? 1 : 0
    bytes[at + RULE_PACKET.pending] = packet.pending ? 1 : 0
    bytes[at + RULE_PACKET.depth] = packet.layers.length
    bytes[at + RULE_PACKET.confidence] = packet.confidence
    data.setBigUint64(at + RULE_PACKET.nowNs, BigInt(Math.max(0, packet.at ?? now)) * 1_000_000n, true)
    data.setUint32(at + RULE_PACKET.taken, packet.taken === undefined ? 0 : packet.taken + 1, true)
    data.setUint16(at + RULE_PACKET.named, namedLayer(packet), true)
    for (const [k, layer] of packet.layers.entries()) data.setUint16(at + RULE_PACKET.layer + 2 * k, layer, true)
  }
  return bytes
}
