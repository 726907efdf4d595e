// SPDX-License-Identifier: Apache-2.0
// A recorded conversation sent again in other shapes, and what replay says of each.
import { randomBytes } from 'node:crypto'
import { readBatch, type RecordHandler } from '../../src/flows/decode.js'
import { type FlowJson, flowToJson } from '../../src/flows/json.js'
import { TYPE } from '../../src/flows/layout.js'
import { RecordView } from '../../src/flows/record-view.js'
import type { Addon } from '../../src/kernel/kernel.js'
import { pcapBytes } from '../../test/lib/pcap.js'
import type { Talk, Turn } from '../../test/lib/streams.js'
import { Scene } from '../../test/lib/synth.js'

/** Bytes of one end that are sent again: more than the classifier looks at. */
const MOST = 16_384
const PSH_ACK = 0x18
const FRAME = 1400

/** Numbers that are the same every run, so that a report can be compared with the one before. */
export function chance(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

export interface Shape {
  name: string
  tcpOnly?: boolean
  /** Payload packets left out at the start; the handshake then too. */
  without?: number
  only?: 'client' | 'server'
  /** Bytes of the next segment. */
  cut?: () => number
}

const random = chance(7)
export const SHAPES: readonly Shape[] = [
  { name: 'from the start' },
  { name: 'joined after 3 payload packets', without: 3 },
  { name: 'segments of 1 byte', tcpOnly: true, cut: () => 1 },
  { name: 'segments of 7 bytes', tcpOnly: true, cut: () => 7 },
  { name: 'segments of 1 to 200 bytes', tcpOnly: true, cut: () => 1 + random(200) },
  { name: "client's packets only", only: 'client' },
  { name: "server's packets only", only: 'server' },
]

/** The payload packets of a shape; undefined when nothing would be left. */
export function turnsOf(talk: Talk, shape: Shape): Turn[] | undefined {
  if (shape.tcpOnly && talk.transport !== 'tcp') return undefined
  const sent = [0, 0]
  const turns: Turn[] = []
  for (const { fromClient, data } of talk.turns.slice(shape.without ?? 0)) {
    if ((shape.only === 'client' && !fromClient) || (shape.only === 'server' && fromClient)) continue
    const end = fromClient ? 0 : 1
    const rest = talk.transport === 'tcp' ? data.subarray(0, Math.max(0, MOST - sent[end]!)) : data
    sent[end]! += rest.length
    for (let at = 0; at < rest.length; ) {
      const n = talk.transport === 'udp' ? rest.length : Math.min(FRAME, shape.cut?.() ?? FRAME)
      turns.push({ fromClient, data: rest.subarray(at, at + n) })
      at += n
    }
  }
  return turns.length === 0 ? undefined : turns
}

function capture(talk: Talk, shape: Shape, turns: readonly Turn[]): Buffer {
  const scene = new Scene()
  if (talk.transport === 'udp') {
    for (const { fromClient, data } of turns)
      scene.udp(fromClient ? talk.client : talk.server, fromClient ? talk.server : talk.client, data)
    return pcapBytes(scene.frames)
  }
  const c = scene.tcp(talk.client, talk.server)
  if (shape.without === undefined) {
    if (shape.only !== 'server') c.segment('>', 2)
    if (shape.only !== 'client') c.segment('<', 0x12)
  }
  for (const { fromClient, data } of turns) c.segment(fromClient ? '>' : '<', PSH_ACK, data)
  return pcapBytes(scene.frames)
}

export interface Answer {
  name: string
  layers: string
}

/** What replay says of one capture with one flow. */
export function answer(addon: Addon, talk: Talk, shape: Shape, turns: readonly Turn[]): Answer {
  const replay = addon.createReplay({ maxFlows: 16 })
  let found: FlowJson | undefined
  const sink: RecordHandler = {
    labels: () => {},
    sample: () => {},
    exec: () => {},
    cgroup: () => {},
    listen: () => {},
    flow: (view) => {
      if (view.type === TYPE.end) found ??= flowToJson(view, undefined, { epochMs: 0 })
    },
  }
  replay.feed(capture(talk, shape, turns))
  replay.end()
  const view = new RecordView()
  for (let batch = replay.take(); batch !== null; batch = replay.take()) readBatch(batch, 0, batch.byteLength, sink, view)
  return { name: found?.['network.protocol.name'] ?? 'unknown', layers: found?.['flowident.layers'].join(' > ') ?? '' }
}

/** 1 to 8 bytes of each packet become others. */
export const mutated = (turns: readonly Turn[], pick: (below: number) => number): Turn[] =>
  turns.map(({ fromClient, data }) => {
    const copy = Buffer.from(data)
    for (let i = 1 + pick(8); i > 0; i--) copy[pick(copy.length)] = pick(256)
    return { fromClient, data: copy }
  })

/** Random payloads for which a signature claims alone (FAIR or STRONG), by protocol id. */
export function claims(addon: Addon, l4: number, payloads: number, size: number): Map<number, number> {
  const found = new Map<number, number>()
  const block = 5000
  for (let done = 0; done < payloads; done += block) {
    const bytes = randomBytes(block * size)
    for (let i = 0; i < block; i++) {
      const answers = addon.signatures(bytes.subarray(i * size, (i + 1) * size), {
        l4,
        start: true,
        sport: 40_000,
        dport: 41_000,
        whole: l4 === 17,
      })
      for (let k = 0; k < answers.length; k += 2) {
        const value = answers[k + 1]!
        if ((value & 3n) === 2n && ((value >> 2n) & 3n) >= 2n) found.set(Number(answers[k]), (found.get(Number(answers[k])) ?? 0) + 1)
      }
    }
  }
  return found
}
