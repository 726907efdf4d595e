// SPDX-License-Identifier: Apache-2.0
// A flow as every output shows it: API, events, `replay --json`. Flat keys, OpenTelemetry's names where it has one.
// 64-bit counters are JSON numbers up to 2^53 - 1 and strings of digits above.
import { FLAG, STATE } from './layout.js'
import { transportName, viewName } from './names.js'
import { portHint } from './ports.js'
import { protocolName } from './protocols.js'
import type { RecordView } from './record-view.js'

/** What is known of the process behind a flow; OwnerFacts of src/owners fits. */
export interface FlowOwner {
  readonly pid: number
  readonly comm?: string | undefined
  readonly exePath?: string | undefined
  readonly commandLine?: string | undefined
  readonly uid: number
  readonly userName?: string | undefined
  readonly cgroupPath?: string | undefined
  readonly unit?: string | undefined
  readonly container?: { readonly id: string; readonly runtime?: string | undefined } | undefined
  readonly podUid?: string | undefined
  readonly netns?: number | undefined
  readonly how?: string | undefined
}

/** Service of src/services fits. */
export interface FlowService {
  readonly id: string
  readonly name: string
  readonly version?: string | undefined
  readonly environment?: string | undefined
}

export interface FlowExtras {
  /** Added to record times, which are CLOCK_MONOTONIC when live, to get milliseconds since 1970. Replay: 0. */
  readonly epochMs: number
  readonly owner?: FlowOwner | undefined
  readonly service?: FlowService | undefined
  readonly interfaceName?: string | undefined
  /** Keys put first, for example the capture that a flow is from. */
  readonly lead?: Readonly<Record<string, string>> | undefined
}

export interface Evidence {
  /** Protocol and number of the signature in its file. */
  readonly signature: string
  /** Who sent the bytes. */
  readonly direction: 'client' | 'server'
  /** Of the first byte that counts, from the start of that end's window. */
  readonly offset: number
  /** Number of the payload packet of that end, from 1. */
  readonly packet: number
}

export type FlowJson = Readonly<Record<string, unknown>> & {
  readonly id: string
  readonly 'network.protocol.name': string
  readonly 'flowident.layers': readonly string[]
}

const VIEW_LETTERS = '-swr'

/** `s-1f4`: view and number. Unique on this host until it reboots; in a replay, within the capture. */
export const flowId = (view: RecordView): string => {
  const low = view.idLow.toString(16)
  return `${VIEW_LETTERS[view.view] ?? '-'}-${view.idHigh ? view.idHigh.toString(16) + low.padStart(8, '0') : low}`
}

/** The number in a flow id as [high, low], or undefined when the text is none. */
export const parseFlowId = (id: string): { readonly high: number; readonly low: number } | undefined => {
  const match = /^[swr]-([0-9a-f]{1,16})$/.exec(id)
  if (!match) return undefined
  const digits = match[1]!.padStart(16, '0')
  return { high: Number.parseInt(digits.slice(0, 8), 16), low: Number.parseInt(digits.slice(8), 16) }
}

export const flowLayers = (view: RecordView): string[] => {
  const layers: string[] = []
  for (let i = 0; i < view.depth; i++) layers.push(protocolName(view.layer(i)))
  return layers
}

export const flowEvidence = (view: RecordView): Evidence | null =>
  view.depth === 0
    ? null
    : {
        signature: `${protocolName(view.top)}/${view.signature}`,
        direction: view.evidenceEnd === view.source ? 'client' : 'server',
        offset: view.evidenceOffset,
        packet: view.evidencePacket,
      }

/** The listening side's port first; the other one too when it is not known who opened the flow. */
export const flowPortHint = (view: RecordView): string | null => {
  const transport = transportName(view.l4)
  const hint = portHint(transport, view.port(view.destination))
  return hint ?? (view.flags & FLAG.opened ? null : portHint(transport, view.port(view.source)))
}

/** Text of recent seconds up to the dot: flows of one moment share it, and making a Date of each costs more than the rest of a line. */
const SECONDS = 64
const seconds: number[] = new Array<number>(SECONDS).fill(Number.NaN)
const secondTexts: string[] = new Array<string>(SECONDS).fill('')

/** RFC 3339 with milliseconds, UTC. */
export const timeText = (ns: number, epochMs: number): string => {
  const ms = Math.round(ns / 1e6 + epochMs)
  const second = Math.floor(ms / 1000)
  const at = ((second % SECONDS) + SECONDS) % SECONDS
  if (seconds[at] !== second) {
    secondTexts[at] = new Date(second * 1000).toISOString().slice(0, -4)
    seconds[at] = second
  }
  return `${secondTexts[at]}${String(ms - second * 1000).padStart(3, '0')}Z`
}

export const flowToJson = (view: RecordView, labels: ReadonlyMap<string, string> | undefined, extras: FlowExtras): FlowJson => {
  const { source, destination } = view
  const { owner, service } = extras
  const ended = view.stateNumber === STATE.ended || (view.flags & FLAG.closed) !== 0
  const json: Record<string, unknown> = {
    ...extras.lead,
    id: flowId(view),
    view: viewName(view.view) ?? 'unknown',
    role: view.role,
    'network.transport': transportName(view.l4),
    'network.type': view.net === 6 ? 'ipv6' : 'ipv4',
    'source.address': view.address(source),
    'source.port': view.port(source),
    'destination.address': view.address(destination),
    'destination.port': view.port(destination),
    'network.protocol.name': protocolName(view.protocol),
    'flowident.layers': flowLayers(view),
    'flowident.confidence': view.confidence,
    'flowident.port_hint': flowPortHint(view),
    'flowident.evidence': flowEvidence(view),
    'source.packets': view.packets(source),
    'source.bytes': view.bytes(source),
    'destination.packets': view.packets(destination),
    'destination.bytes': view.bytes(destination),
    'flowident.state': ended ? 'ended' : view.state,
    'flowident.start': timeText(view.firstNs, extras.epochMs),
    'flowident.last_seen': timeText(view.lastNs, extras.epochMs),
  }
  if (ended) json['flowident.end'] = json['flowident.last_seen']
  if (extras.interfaceName !== undefined) json['network.interface.name'] = extras.interfaceName
  if (view.vlan) json['network.vlan.id'] = view.vlan
  if (view.tunnel) json['flowident.tunnel.id'] = view.tunnel
  if (labels) for (const [key, value] of labels) json[key] = value
  if (owner) putOwner(json, owner)
  if (service) {
    json['service.name'] = service.name
    if (service.version !== undefined) json['service.version'] = service.version
    if (service.environment !== undefined) json['deployment.environment'] = service.environment
    json['flowident.service'] = service.id
  }
  return json as FlowJson
}

const putOwner = (json: Record<string, unknown>, owner: FlowOwner): void => {
  json['process.pid'] = owner.pid
  if (owner.comm !== undefined) json['process.executable.name'] = owner.comm
  if (owner.exePath !== undefined) json['process.executable.path'] = owner.exePath
  if (owner.commandLine !== undefined) json['process.command_line'] = owner.commandLine
  json['process.owner'] = owner.userName ?? String(owner.uid)
  if (owner.container) json['container.id'] = owner.container.id
  if (owner.podUid !== undefined) json['k8s.pod.uid'] = owner.podUid
  if (owner.unit !== undefined) json['flowident.unit'] = owner.unit
  if (owner.cgroupPath !== undefined) json['flowident.cgroup'] = owner.cgroupPath
  if (owner.netns !== undefined) json['flowident.netns'] = owner.netns
  if (owner.how !== undefined) json['flowident.owner_how'] = owner.how
}
