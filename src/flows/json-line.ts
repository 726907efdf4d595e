// SPDX-License-Identifier: Apache-2.0
// A replayed flow as one line of JSON, byte for byte what JSON.stringify makes of flowToJson (a test compares them over every
// recording): an object with so many keys per flow costs several times more than its text.
import { flowEvidence, flowId, flowPortHint, timeText } from './json.js'
import { protocolName } from './protocols.js'
import { FLAG, STATE } from './layout.js'
import { transportName, viewName } from './names.js'
import type { RecordView } from './record-view.js'

const text = (value: unknown): string => JSON.stringify(value)
/** Counters: numbers, or digits as a string above 2^53. */
const count = (value: number | string): string => (typeof value === 'number' ? `${value}` : `"${value}"`)
/** Words of ours, such as names of states, need no escapes. */
const word = (value: string | null): string => (value === null ? 'null' : `"${value}"`)

/** Texts made from a protocol's name, which a signature pack may have chosen: escaped once. */
const names = new Map<string, string>()
const named = (name: string): string => {
  let quoted = names.get(name)
  if (quoted === undefined) {
    quoted = text(name)
    if (names.size < 1024) names.set(name, quoted)
  }
  return quoted
}
const layers = (view: RecordView): string => {
  let list = ''
  for (let i = 0; i < view.depth; i++) list += (i ? ',' : '') + named(protocolName(view.layer(i)))
  return `[${list}]`
}
const evidence = (view: RecordView): string => {
  const known = flowEvidence(view)
  return known === null
    ? 'null'
    : `{"signature":${named(known.signature)},"direction":"${known.direction}","offset":${known.offset},"packet":${known.packet}}`
}

/** `capture` is the text of the first key. Record times of a capture are those of its clock already. */
export const flowLine = (view: RecordView, labels: ReadonlyMap<string, string> | undefined, capture: string): string => {
  const { source, destination } = view
  const ended = view.stateNumber === STATE.ended || (view.flags & FLAG.closed) !== 0
  const last = timeText(view.lastNs, 0)
  let line = `{"capture":${text(capture)},"id":"${flowId(view)}","view":"${viewName(view.view) ?? 'unknown'}","role":${word(view.role)}`
  line += `,"network.transport":"${transportName(view.l4)}","network.type":"${view.net === 6 ? 'ipv6' : 'ipv4'}"`
  line += `,"source.address":"${view.address(source)}","source.port":${view.port(source)}`
  line += `,"destination.address":"${view.address(destination)}","destination.port":${view.port(destination)}`
  line += `,"network.protocol.name":${named(protocolName(view.protocol))},"flowident.layers":${layers(view)}`
  line += `,"flowident.confidence":"${view.confidence}","flowident.port_hint":${word(flowPortHint(view))}`
  line += `,"flowident.evidence":${evidence(view)}`
  line += `,"source.packets":${count(view.packets(source))},"source.bytes":${count(view.bytes(source))}`
  line += `,"destination.packets":${count(view.packets(destination))},"destination.bytes":${count(view.bytes(destination))}`
  line += `,"flowident.state":"${ended ? 'ended' : view.state}","flowident.start":"${timeText(view.firstNs, 0)}","flowident.last_seen":"${last}"`
  if (ended) line += `,"flowident.end":"${last}"`
  if (view.vlan) line += `,"network.vlan.id":${view.vlan}`
  if (view.tunnel) line += `,"flowident.tunnel.id":${view.tunnel}`
  if (labels) for (const [key, value] of labels) line += `,${named(key)}:${text(value)}`
  return `${line}}`
}
