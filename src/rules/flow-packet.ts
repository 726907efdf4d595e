// SPDX-License-Identifier: Apache-2.0
// A packet of a flow from a capture, as it would come once the flow's verdict is there.
import { CONFIDENCES, transportName } from '../flows/names.js'
import type { End, RecordView } from '../flows/record-view.js'
import type { Packet } from './packet.js'

const ACK = 16

/** The bytes of an address, as rules have them: 4 or 16, a copy. */
const raw = ({ data }: RecordView, at: number, net: 4 | 6): Uint8Array => {
  const skip = net === 4 ? 12 : 0
  return new Uint8Array(data.buffer, data.byteOffset + at + skip, 16 - skip).slice()
}

/** `tcp 10.0.0.1:40000 > 10.0.0.2:80`, as this end sends. */
export function textOfFlow(view: RecordView, end: End): string {
  const port = (at: End): string => (view.net === 6 ? `[${view.address(at)}]:${view.port(at)}` : `${view.address(at)}:${view.port(at)}`)
  return `${transportName(view.l4)} ${port(end)} > ${port(end === 0 ? 1 : 0)}`
}

export function packetOfFlow(view: RecordView, end: End, direction: 'in' | 'out'): Packet {
  const other: End = end === 0 ? 1 : 0
  const net = view.net === 4 ? 4 : 6
  const layers = Array.from({ length: view.depth }, (_, i) => view.layer(i))
  return {
    net,
    source: raw(view, view.addressAt(end), net),
    destination: raw(view, view.addressAt(other), net),
    transport: view.l4,
    ports: [6, 17, 132].includes(view.l4) ? { source: view.port(end), destination: view.port(other) } : undefined,
    tcpFlags: view.l4 === 6 ? ACK : undefined,
    vlan: view.vlan,
    tunnel: view.tunnel,
    ifindex: 0,
    interface: '',
    direction,
    reply: end !== view.source,
    pending: false,
    layers,
    named: Math.max(0, layers.indexOf(view.protocol)),
    confidence: CONFIDENCES.indexOf(view.confidence),
  }
}
