// SPDX-License-Identifier: Apache-2.0
// Flows that have the addresses and ports of a given one: the same flow as another view, or another interface, has it.
import type { End, RecordView } from './record-view.js'
import type { FlowTable } from './table.js'

/** Slots, newest first, at most `limit`; whichever end opened them. The flow in `view` is among them when the table has it. */
export function twins(table: Pick<FlowTable, 'byTuple'>, view: RecordView, limit: number): number[] {
  const end = (at: End) => ({
    bytes: new Uint8Array(view.data.buffer, view.data.byteOffset + view.addressAt(at), 16),
    port: view.port(at),
  })
  return table.byTuple(view.l4, end(0), end(1), limit)
}
