// SPDX-License-Identifier: Apache-2.0
// What replay says about packets that are in no flow, and about limits that were hit. A packet or a fact that is lost is always told.
import type { ReplaySummary } from './replay.js'

/** Members of enum fi_counter that a replay can raise; a test compares the names with bpf/counters.h. */
const COUNTED: readonly (readonly [index: number, name: string, text: string])[] = [
  [4, 'NOT_IP', 'not IP'],
  [5, 'TRUNCATED', 'header cut off'],
  [6, 'MALFORMED', 'header contradicts itself'],
  [7, 'TOO_DEEP', 'too many nested headers'],
  [8, 'NO_TRANSPORT', 'no transport that is followed'],
  [9, 'FRAGMENT_ORPHAN', 'fragment without its first part'],
  [12, 'PENDING_FULL', 'payload not looked at, too many undecided flows'],
  [16, 'LOAD_FAILED', 'payload not in the capture'],
]

export const countedCauses = COUNTED

/** Adds what one file lost to the sums, by cause. */
export const addLosses = (sums: Map<string, number>, counters: BigUint64Array, summary: ReplaySummary): void => {
  const add = (text: string, n: number): void => {
    if (n > 0) sums.set(text, (sums.get(text) ?? 0) + n)
  }
  add('link type that is not read', summary.linkUnknown)
  for (const [index, name, text] of COUNTED) add(text, Number(counters[index] ?? 0n) - (name === 'NOT_IP' ? summary.linkUnknown : 0))
  add('flows given out early, table full', summary.evicted)
  add('flows whose labels may be incomplete, buffers full', summary.labelFlowsEvicted)
  add('labels without room', summary.labelsDropped)
}

export const lossText = (sums: ReadonlyMap<string, number>): string => [...sums].map(([text, n]) => `${text} ${n}`).join(', ')
