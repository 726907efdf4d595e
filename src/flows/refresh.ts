// SPDX-License-Identifier: Apache-2.0
// Keeps the flow table in step with the kernel: a dump now and then and on demand, taken in piece by piece so that
// nothing else waits for it.
import { setImmediate as turn } from 'node:timers/promises'
import { readBatch, type RecordHandler } from './decode.js'
import { RecordView } from './record-view.js'
import type { FlowTable } from './table.js'

/** Records taken in before others get their turn: about 2 ms. */
const PIECE = 2000
const SWEEP_PIECE = 20_000
/** A dump that takes longer than this is not waited for. */
const QUICK_MS = 25

/** The part of the kernel port that is needed here. */
export interface FlowDumper {
  dumpFlows(): Promise<ArrayBuffer>
}

export interface RefreshOptions {
  /** A dump is not older than this when somebody asks. */
  readonly minimumMs: number
  readonly now: () => number
}

export interface RefreshState {
  readonly runs: number
  readonly failures: number
  readonly lastMs: number
  readonly lastError: string | undefined
}

const ignore = (): void => undefined

export class Refresher {
  readonly #kernel: FlowDumper
  readonly #table: FlowTable
  readonly #options: RefreshOptions
  readonly #handler: RecordHandler
  #running: Promise<void> | undefined
  #doneAt = -Infinity
  #runs = 0
  #failures = 0
  #lastMs = 0
  #lastError: string | undefined

  constructor(kernel: FlowDumper, table: FlowTable, options: RefreshOptions) {
    this.#kernel = kernel
    this.#table = table
    this.#options = options
    this.#handler = {
      flow: (view) => void table.put(view),
      labels: ignore,
      exec: ignore,
      cgroup: ignore,
      listen: ignore,
      sample: ignore,
    }
  }

  get state(): RefreshState {
    return { runs: this.#runs, failures: this.#failures, lastMs: this.#lastMs, lastError: this.#lastError }
  }

  /** Resolves when the table is at most `minimumMs` old. Never rejects: a failed dump is counted and the table stays. */
  fresh(): Promise<void> {
    if (this.#running) return this.#running
    if (this.#options.now() - this.#doneAt < this.#options.minimumMs) return Promise.resolve()
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      this.#doneAt = this.#options.now()
    })
    return this.#running
  }

  /** For those who wait for an answer: fresh when that is quick, else what is there, made fresh meanwhile. */
  ready(): Promise<void> {
    const fresh = this.fresh()
    return this.#runs > 0 && this.#lastMs > QUICK_MS ? Promise.resolve() : fresh
  }

  async #run(): Promise<void> {
    const start = this.#options.now()
    try {
      this.#table.beginDump()
      const buffer = await this.#kernel.dumpFlows()
      const view = new RecordView()
      for (let at = 0; at < buffer.byteLength; await turn()) at = readBatch(buffer, at, buffer.byteLength, this.#handler, view, PIECE)
      for (let slot = 0; slot >= 0; ) {
        slot = this.#table.sweep(slot, SWEEP_PIECE)
        if (slot >= 0) await turn()
      }
      this.#runs++
      this.#lastError = undefined
    } catch (error) {
      this.#failures++
      this.#lastError = error instanceof Error ? error.message : String(error)
    }
    this.#lastMs = this.#options.now() - start
  }
}
