// SPDX-License-Identifier: Apache-2.0
// A packet of a flow from a capture, as it would come once the flow's verdict is there.
import { addressBytes } from '../flows/address.js'
import { CONFIDENCES, transportName } from '../flows/names.js'
import type { End, RecordView } from '../flows/record-view.js'
import type { Packet } from './packet.js'

const ACK = 16

const raw = (address: string, net: number): Uint8Array => (addressBytes(address) ?? new Uint8Array(16)).slice(net === 4 ? 12 : 0)

export function packetOfFlow(view: RecordView, end: End, direction: 'in' | 'out'): { packet: Packet; text: string } {
  const other: End = end === 0 ? 1 : 0
  const net = view.net === 4 ? 4 : 6
  const port = (at: End): string => (net === 6 ? `[${view.address(at)}]:${view.port(at)}` : `${view.address(at)}:${view.port(at)}`)
  const layers = Array.from({ length: view.depth }, (_, i) => view.layer(i))
  const packet: Packet = {
    net,
    source: raw(view.address(end), net),
    destination: raw(view.address(other), net),
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
  return { packet, text: `${transportName(view.l4)} ${port(end)} > ${port(other)}` }
}
