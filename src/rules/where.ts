// SPDX-License-Identifier: Apache-2.0
// Where a flow can be dropped: on the interfaces that it crosses, as far as the wire view can drop there; else at its socket.
import { viewName } from '../flows/names.js'
import { RecordView } from '../flows/record-view.js'
import type { Catalog } from '../services/catalog.js'
import type { EnforcingWire } from './decision.js'
import type { FlowMatch } from './flow-match.js'

/** Time in which a flow that its socket told of is told of on the wire too, if it crosses it. */
const WAIT_MS = 300
/** Index of the loopback interface in every network namespace. */
const LOOPBACK = 1

const isLoopback = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] === 127 : address.every((byte, i) => byte === (i === 15 ? 1 : 0))

export class Where {
  readonly #catalog: Catalog
  readonly #match: FlowMatch
  readonly #wire: EnforcingWire
  readonly #view = new RecordView()
  readonly #waiting = new Set<number>()

  constructor(catalog: Catalog, match: FlowMatch, wire: EnforcingWire) {
    this.#catalog = catalog
    this.#match = match
    this.#wire = wire
  }

  isWire(slot: number): boolean {
    return viewName(this.#catalog.table.view(slot, this.#view).view) === 'wire'
  }

  /** The flow in this slot is of the wire view, and can be dropped there. */
  enforces(slot: number): boolean {
    const view = this.#catalog.table.view(slot, this.#view)
    return viewName(view.view) === 'wire' && this.#wire.enforces(view.ifindex)
  }

  /** The same flow where it crosses interfaces: of those, where it can be dropped. */
  wires(slot: number): number[] {
    return this.#match.twins(slot, 'wire').filter((twin) => this.enforces(twin))
  }

  /** A socket's flow that crosses no such interface, for sure: `act` now; maybe: in a moment, if it is still so. */
  atSocket(slot: number, act: (slot: number) => void): void {
    if (this.wires(slot).length > 0 || this.#waiting.has(slot)) return
    const { source, destination } = this.#match.packets(slot)[0]
    const local = isLoopback(source) || Buffer.compare(source, destination) === 0
    if (!this.#wire.enforcing || (local && !this.#wire.enforces(LOOPBACK))) {
      act(slot)
      return
    }
    this.#waiting.add(slot)
    setTimeout(() => {
      this.#waiting.delete(slot)
      if (this.#catalog.table.isLive(slot) && !this.isWire(slot) && this.wires(slot).length === 0) act(slot)
    }, WAIT_MS).unref()
  }
}
