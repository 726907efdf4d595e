// SPDX-License-Identifier: Apache-2.0
// Long work in slices: what exists at start-up is read between the events of a running daemon.

import { readdirSync } from 'node:fs'
import type { ProcFiles } from './proc-files.js'
import type { Processes } from './process.js'

export interface SliceOptions {
  /** Milliseconds of work before the loop gets its turn. */
  budgetMs?: number
  /** Milliseconds that only go forward. */
  now?: () => number
  signal?: AbortSignal
}

const BUDGET_MS = 3

/** Runs a generator to its end, giving way to the event loop; undefined when it was stopped before. */
export async function inSlices<T>(work: Generator<unknown, T>, options: SliceOptions = {}): Promise<T | undefined> {
  const { budgetMs = BUDGET_MS, now = () => performance.now(), signal } = options
  for (;;) {
    if (signal?.aborted) {
      work.return(undefined as T)
      return undefined
    }
    const until = now() + budgetMs
    do {
      const step = work.next()
      if (step.done) return step.value
    } while (now() < until)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** Reads every process there is, one per step; returns how many could be read. */
export function* readProcesses(root: string, files: ProcFiles, processes: Processes, limit: number): Generator<void, number> {
  let names: string[] = []
  try {
    names = readdirSync(root)
  } catch {
    return 0
  }
  let read = 0
  const pids = names.filter((name) => /^[1-9]\d{0,9}$/.test(name))
  for (const name of pids.slice(0, limit)) {
    const reading = files.read(Number(name))
    if (typeof reading !== 'string') {
      processes.onReading(reading)
      read++
    }
    yield
  }
  return read
}
