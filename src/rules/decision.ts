// SPDX-License-Identifier: Apache-2.0
// What the daemon tells the kernel of one flow: struct fi_decision.
import { RECORD } from '../flows/layout.js'
import type { RecordView } from '../flows/record-view.js'
import { DECIDE, DECISION, TUPLE } from '../gen/abi.js'

/** The flow in `view`, of the wire view, is given to the rule with this index of the set of this generation. `how`: DECIDE.*. */
export function decisionOf(view: RecordView, generation: number, rule: number, how: number = DECIDE.DROP): Uint8Array {
  const ctx = new Uint8Array(DECISION.sizeof)
  const data = new DataView(ctx.buffer)
  ctx.set(new Uint8Array(view.data.buffer, view.data.byteOffset + view.at + RECORD.tuple, TUPLE.sizeof), DECISION.tuple)
  data.setUint32(DECISION.generation, generation, true)
  data.setUint32(DECISION.rule, rule, true)
  data.setUint32(DECISION.how, how, true)
  return ctx
}
