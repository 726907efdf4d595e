// SPDX-License-Identifier: Apache-2.0
// What the daemon tells the kernel of one flow: struct fi_decision.
import { RECORD } from '../flows/layout.js'
import type { RecordView } from '../flows/record-view.js'
import { DECIDE, DECIDED, DECISION, TUPLE } from '../gen/abi.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'

/** Takes struct fi_decision; whether the kernel has such a flow and does so from now on. */
export type Decide = (decision: Uint8Array) => boolean

/** Where the wire view can drop. */
export interface EnforcingWire {
  /** On any interface at all. */
  readonly enforcing: boolean
  enforces(ifindex: number): boolean
}

/** The flow in `view`, of the wire or a socket, is given to the rule with this index of the set of this generation. `how`: DECIDE.*. */
export function decisionOf(view: RecordView, generation: number, rule: number, how: number = DECIDE.DROP): Uint8Array {
  const ctx = new Uint8Array(DECISION.sizeof)
  const data = new DataView(ctx.buffer)
  ctx.set(new Uint8Array(view.data.buffer, view.data.byteOffset + view.at + RECORD.tuple, TUPLE.sizeof), DECISION.tuple)
  data.setUint32(DECISION.generation, generation, true)
  data.setUint32(DECISION.rule, rule, true)
  data.setUint32(DECISION.how, how, true)
  data.setUint32(DECISION.id, view.idLow, true)
  data.setUint32(DECISION.id + 4, view.idHigh, true)
  return ctx
}

/** Runs the programs that take decisions: those about sockets are written by a walk over all of them, one for all that come meanwhile.
 * An old kernel may not have these programs: that is told once, and nothing is done. */
export function decideBy(kernel: Pick<Kernel, 'testRun' | 'ruleSockets'>, log: Logger): Decide {
  let [broken, deaf] = [false, false]
  let [walking, again] = [false, false]
  const walk = async (): Promise<void> => {
    walking = true
    try {
      do {
        again = false
        await kernel.ruleSockets()
      } while (again)
    } catch (error) {
      deaf = true
      log.warn(
        { err: error },
        'flows of sockets cannot be given to rules on this kernel: those that cross no watched interface are left alone',
      )
    }
    walking = false
  }
  return (decision) => {
    if (broken) return false
    try {
      const { retval } = kernel.testRun('fi_rule_flow', new Uint8Array(0), { ctx: decision })
      if (retval !== DECIDED.LATER) return retval === DECIDED.NOW
      if (deaf) return false
      again = true
      if (!walking) setImmediate(() => void walk())
      walking = true
      return true
    } catch (error) {
      broken = true
      log.warn({ err: error }, 'flows cannot be dropped one by one on this kernel: rules about flows do nothing, contracts only tell')
      return false
    }
  }
}
