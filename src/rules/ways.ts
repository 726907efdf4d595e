// SPDX-License-Identifier: Apache-2.0
// The packets of a flow that rules are asked about: each as it comes, by the interface and in the direction that its end sends in.
import { viewName } from '../flows/names.js'
import type { End, RecordView } from '../flows/record-view.js'
import { packetOfFlow } from './flow-packet.js'
import type { Packet } from './packet.js'

/** Of a socket's flow, end 0 is the local one. An end that sent nothing yet will send the other way than the one that did. */
function wayOf(view: RecordView, end: End): 'in' | 'out' {
  const other: End = end === 0 ? 1 : 0
  if (viewName(view.view) !== 'wire') return end === 1 ? 'in' : 'out'
  return (view.packetsNear(end) > 0 ? view.ingress(end) : !view.ingress(other)) ? 'in' : 'out'
}

/** A packet that an end sends now: what is known of the flow is known of it. */
export function packetNow(view: RecordView, end: End, interfaceName: string): Packet {
  const packet = packetOfFlow(view, end, wayOf(view, end))
  return { ...packet, ifindex: view.ifindex, interface: interfaceName, pending: view.state === 'pending' }
}
