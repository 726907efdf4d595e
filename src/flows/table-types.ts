// SPDX-License-Identifier: Apache-2.0
// What the flow table is told, and what it tells.

export interface TableLimits {
  readonly flows: number
  readonly history: number
  readonly labelBytes: number
  /** Seconds without a packet after which a flow counts as ended. */
  readonly idle: { readonly tcp: number; readonly udp: number; readonly other: number }
}

/** Told after a change that somebody may want to hear of. */
export type ChangeKind = 'verdict' | 'labels' | 'end'
export type ChangeListener = (kind: ChangeKind, slot: number) => void
