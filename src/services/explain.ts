// SPDX-License-Identifier: Apache-2.0
// How a flow's protocol, owner and service are known, in sentences.
import { protocolById } from '../gen/protocols.js'
import { flowEvidence, flowId, flowLayers, flowPortHint } from '../flows/json.js'
import { protocolName } from '../flows/protocols.js'
import { FLAG, SIDE_FLAG } from '../flows/layout.js'
import { transportName } from '../flows/names.js'
import type { End, RecordView } from '../flows/record-view.js'
import type { OwnerFacts } from '../owners/facts.js'
import type { Service } from './service.js'

export interface Explanation {
  readonly id: string
  readonly protocol: string[]
  readonly owner: string[]
  readonly service: string[]
}

const GRADES = ['none', 'weak', 'fair', 'strong']

const who = (view: RecordView, end: End): string => (end === view.source ? 'the client' : 'the server')

const signature = (protocol: number, number: number): string => {
  const known = protocolById(protocol)
  const words = known?.signatures[number]
  return `signature ${number}${words === undefined ? '' : ` (${words})`} of ${known?.file ?? protocolName(protocol)}`
}

const opener = (view: RecordView): string => {
  const name = `${view.address(view.source)} port ${view.port(view.source)}`
  if (view.flags & FLAG.opened) return `${name} opened the flow: its first packet, or the socket's own role, says so.`
  if (view.flags & FLAG.evidence)
    return `${name} is taken for the client because of what the payload says; the start of the flow was not seen.`
  return `It is not known who opened the flow; ${name} is shown as the source because it was seen first.`
}

const otherEnd = (view: RecordView, end: End): string => {
  const best = view.best(end)
  const name = who(view, end)
  if (best === 0 && view.payloadPackets(end) === 0) return `No payload of ${name} was seen.`
  if (best === 0)
    return `The bytes of ${name} alone match no signature${view.sideFlags(end) & SIDE_FLAG.mid ? ' (their start was not seen)' : ''}.`
  const how = `${signature(best, view.sideSignature(end))}, grade ${GRADES[view.grade(end)] ?? 'unknown'}`
  return `The bytes of ${name} alone say ${protocolName(best)}: ${how}, at offset ${view.sideOffset(end)}, payload packet ${view.sidePacket(end)}.`
}

const CONFIDENCE = {
  confirmed: 'Confirmed: both ends agree.',
  probable: 'Probable: one end says so, and the other has not confirmed it.',
  unknown: 'Unknown: nothing that was seen is good enough to name a protocol.',
} as const

const gaps = (view: RecordView): string[] => {
  const found: string[] = []
  for (const end of [0, 1] as const) {
    const flags = view.sideFlags(end)
    if (flags & SIDE_FLAG.gap) found.push(`Some of the first bytes of ${who(view, end)} were missed.`)
    if (flags & SIDE_FLAG.overlap) found.push(`Bytes of ${who(view, end)} were sent more than once; the first copy counts.`)
  }
  return found
}

export const explainProtocol = (view: RecordView): string[] => {
  const lines = [opener(view)]
  const evidence = flowEvidence(view)
  if (evidence) {
    const where = `offset ${evidence.offset} of payload packet ${evidence.packet} of the ${evidence.direction}`
    lines.push(`${protocolName(view.top)}: ${signature(view.top, view.signature)} matched at ${where}.`)
    if (view.depth > 1)
      lines.push(`The layers from the outside in are ${flowLayers(view).join(' > ')}; ${protocolName(view.protocol)} names the flow.`)
  }
  lines.push(otherEnd(view, view.source), otherEnd(view, view.destination), CONFIDENCE[view.confidence])
  if (view.conflicts > 0) lines.push(`The two ends, or earlier and later bytes, contradicted each other ${view.conflicts} times.`)
  if (view.revisions > 0) lines.push(`The answer was changed ${view.revisions} times after it was first given.`)
  lines.push(...gaps(view))
  const hint = flowPortHint(view)
  const port = `${transportName(view.l4)} port ${view.port(view.destination)}`
  if (hint === null) lines.push(`No known protocol has ${port} as its usual one.`)
  else lines.push(`${port} is usual for ${hint}; that is a hint and had no part in the answer by itself.`)
  return lines
}

export const explainOwner = (owner: OwnerFacts | undefined): string[] => {
  if (!owner)
    return ['No local socket is known for this flow: it is forwarded, belongs to a virtual machine, or was gone before it was seen.']
  return owner.reasons.map(({ field, value, from }) => `${field} is ${value}: ${from}.`)
}

export const explain = (view: RecordView, owner: OwnerFacts | undefined, service: Service | undefined): Explanation => ({
  id: flowId(view),
  protocol: explainProtocol(view),
  owner: explainOwner(owner),
  service: service ? [`The service is ${service.id}: ${service.reason}.`] : ['No service is known.'],
})
