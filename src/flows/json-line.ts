// SPDX-License-Identifier: Apache-2.0
// A replayed flow as one line of JSON, byte for byte what JSON.stringify makes of flowToJson (a test compares them over every
// recording): an object with so many keys per flow costs several times more than its text.
import { flowEvidence, flowId, flowLayers, flowPortHint, timeText } from './json.js'
import { protocolName } from './protocols.js'
import { FLAG, STATE } from './layout.js'
import { transportName, viewName } from './names.js'
import type { RecordView } from './record-view.js'

const text = (value: unknown): string => JSON.stringify(value)

/** `capture` is the text of the first key. Record times of a capture are those of its clock already. */
export const flowLine = (view: RecordView, labels: ReadonlyMap<string, string> | undefined, capture: string): string => {
  const { source, destination } = view
  const ended = view.stateNumber === STATE.ended || (view.flags & FLAG.closed) !== 0
  const last = timeText(view.lastNs, 0)
  let line = `{"capture":${text(capture)},"id":"${flowId(view)}","view":"${viewName(view.view) ?? 'unknown'}","role":${text(view.role)}`
  line += `,"network.transport":"${transportName(view.l4)}","network.type":"${view.net === 6 ? 'ipv6' : 'ipv4'}"`
  line += `,"source.address":"${view.address(source)}","source.port":${view.port(source)}`
  line += `,"destination.address":"${view.address(destination)}","destination.port":${view.port(destination)}`
  line += `,"network.protocol.name":${text(protocolName(view.protocol))},"flowident.layers":${text(flowLayers(view))}`
  line += `,"flowident.confidence":${text(view.confidence)},"flowident.port_hint":${text(flowPortHint(view))}`
  line += `,"flowident.evidence":${text(flowEvidence(view))}`
  line += `,"source.packets":${text(view.packets(source))},"source.bytes":${text(view.bytes(source))}`
  line += `,"destination.packets":${text(view.packets(destination))},"destination.bytes":${text(view.bytes(destination))}`
  line += `,"flowident.state":"${ended ? 'ended' : view.state}","flowident.start":"${timeText(view.firstNs, 0)}","flowident.last_seen":"${last}"`
  if (ended) line += `,"flowident.end":"${last}"`
  if (view.vlan) line += `,"network.vlan.id":${view.vlan}`
  if (view.tunnel) line += `,"flowident.tunnel.id":${view.tunnel}`
  if (labels) for (const [key, value] of labels) line += `,${text(key)}:${text(value)}`
  return `${line}}`
}
