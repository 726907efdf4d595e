// SPDX-License-Identifier: Apache-2.0
// struct fi_drop, decoded: a packet that a rule dropped, or would have.
import { protocolById } from '../gen/protocols.js'
import { addressText } from './address.js'
import { DROP, HEAD, RECORD, VERDICT } from './layout.js'
import { transportName } from './names.js'

export interface DropRecord {
  readonly nowNs: bigint
  /** Index of the rule, in the set of this generation. */
  readonly rule: number
  readonly generation: number
  readonly audit: boolean
  readonly ifindex: number
  readonly transport: string
  readonly sourceAddress: string
  readonly sourcePort: number
  readonly destinationAddress: string
  readonly destinationPort: number
  /** Of the IP packet. */
  readonly length: number
  readonly tcpFlags: number
  /** What was known of its flow. */
  readonly layers: readonly string[]
}

export const readDrop = (data: DataView, at: number): DropRecord => {
  const from = data.getUint8(at + DROP.end) ? 1 : 0
  const to = from ? 0 : 1
  // The tuple stands at the same place as in struct fi_record.
  const [net, verdict] = [data.getUint8(at + RECORD.net), at + DROP.verdict]
  const depth = Math.min(data.getUint8(verdict + VERDICT.depth), VERDICT.layers)
  const layer = (i: number): string => {
    const id = data.getUint16(verdict + VERDICT.layer + 2 * i, true)
    return protocolById(id)?.name ?? `protocol-${id}`
  }
  return {
    nowNs: data.getBigUint64(at + HEAD.now, true),
    rule: data.getUint32(at + DROP.rule, true),
    generation: data.getUint32(at + DROP.generation, true),
    audit: data.getUint8(at + DROP.audit) !== 0,
    ifindex: data.getUint32(at + DROP.ifindex, true),
    transport: transportName(data.getUint8(at + RECORD.l4)),
    sourceAddress: addressText(data, at + RECORD.addr[from], net),
    sourcePort: data.getUint16(at + RECORD.port[from], false),
    destinationAddress: addressText(data, at + RECORD.addr[to], net),
    destinationPort: data.getUint16(at + RECORD.port[to], false),
    length: data.getUint16(at + DROP.length, true),
    tcpFlags: data.getUint8(at + DROP.tcpFlags),
    layers: Array.from({ length: depth }, (_, i) => layer(i)),
  }
}
