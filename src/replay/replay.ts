// SPDX-License-Identifier: Apache-2.0
// One capture through the user-space build of the classifier: chunks in, one JSON object for each flow out.
import { QuicInitials } from '../deep/quic.js'
import { tlsReader } from '../deep/tls-labels.js'
import { readBatch, type RecordHandler } from '../flows/decode.js'
import { type FlowJson, flowToJson } from '../flows/json.js'
import type { Labels } from '../flows/packed-labels.js'
import { TYPE } from '../flows/layout.js'
import { namePacks } from '../flows/protocols.js'
import { RecordView } from '../flows/record-view.js'
import { FlowidentError } from '../errors.js'
import type { Addon, ReplayHandle } from '../kernel/kernel.js'
import type { Compiled } from '../packs/compile.js'
import { captureChunks, captureName } from './read.js'

export type ReplaySummary = ReturnType<ReplayHandle['summary']>
/** What is made of a flow that ended; `view` is only valid during the call. */
export type TakeFlow = (view: RecordView, labels: Labels | undefined, capture: string) => void

export interface ReplayResult {
  readonly summary: ReplaySummary
  readonly counters: BigUint64Array
  /** What is wrong with the file, if something is; flows before that place were given out. */
  readonly problem: string | null
}

/** Flows whose QUIC labels wait for their end. */
const WAITING = 65536
/** A chunk is fed in pieces, so that records are taken out before they pile up. */
const PIECE = 1 << 18

/** Labels of a flow come before its record: those of its protocol's C half just before, those of QUIC some time before. */
class FlowSink implements RecordHandler {
  readonly #take: TakeFlow
  readonly #quic: QuicInitials
  readonly #waiting = new Map<bigint, Labels>()
  readonly #capture: string
  #id = -1n
  #labels: Labels = new Map()

  constructor(addon: Addon, capture: string, take: TakeFlow) {
    this.#take = take
    this.#quic = new QuicInitials(tlsReader(addon))
    this.#capture = capture
  }
  labels({ id, labels }: { readonly id: bigint; readonly labels: Labels }): void {
    this.#id = id
    this.#labels = labels
  }
  sample({ id, data }: { readonly id: bigint; readonly data: Uint8Array }): void {
    const found = this.#quic.add(id, data)
    if (!found) return
    const oldest = this.#waiting.size >= WAITING ? this.#waiting.keys().next().value : undefined
    if (oldest !== undefined) this.#waiting.delete(oldest)
    this.#waiting.set(id, found)
  }
  flow(view: RecordView): void {
    if (view.type !== TYPE.end) return
    const id = (BigInt(view.idHigh) << 32n) | BigInt(view.idLow)
    const own = this.#id === id ? this.#labels : undefined
    const unfinished = this.#quic.end(id)
    const deep = this.#waiting.get(id) ?? unfinished
    this.#waiting.delete(id)
    this.#take(view, deep && own ? new Map([...own, ...deep]) : (own ?? deep), this.#capture)
  }
  exec(): void {}
  cgroup(): void {}
  listen(): void {}
}

export interface ReplayOptions {
  readonly maxFlows?: number
  readonly idleSeconds?: number
  /** Protocols from signature packs, checked. */
  readonly packs?: Compiled
}

/** Replays a file and gives out each flow as an object. */
export const replayFile = (
  addon: Addon,
  path: string,
  emit: (flow: FlowJson) => void,
  options: ReplayOptions = {},
): Promise<ReplayResult> =>
  replayRecords(addon, path, (view, labels, capture) => emit(flowToJson(view, labels, { epochMs: 0, lead: { capture } })), options)

/** Replays a file (`-`: standard input). Throws when nothing of it can be read; a file damaged on the way is told in the result. */
export async function replayRecords(
  addon: Addon,
  path: string,
  take: TakeFlow,
  { packs, ...options }: ReplayOptions = {},
): Promise<ReplayResult> {
  const replay = addon.createReplay({ ...options, ...(packs && { packs: packs.rules }) })
  const sink = new FlowSink(addon, captureName(path), take)
  namePacks(packs?.names ?? new Map())
  const view = new RecordView()
  let packed: string | null = null
  const drain = (): void => {
    for (let batch = replay.take(); batch; batch = replay.take()) readBatch(batch, 0, batch.byteLength, sink, view)
  }
  const damaged = (what: string): void => {
    packed = what
  }
  for await (const chunk of captureChunks(path, damaged)) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      replay.feed(chunk.subarray(at, at + PIECE))
      drain()
    }
    if (replay.summary().foreign) break
  }
  replay.end()
  drain()
  const summary = replay.summary()
  if (summary.foreign)
    throw new FlowidentError('capture-unreadable', `${path}: ${packed ?? summary.problem ?? 'not a capture'}`, {
      hint: 'flowident reads pcap and pcapng files, plain or gzip.',
    })
  return { summary, counters: replay.counters(), problem: packed ?? summary.problem }
}
