// SPDX-License-Identifier: Apache-2.0
// Owners that were just dealt with: of a hundred flows of one process, ninety-nine need not be looked at. Nothing is allocated.
import { OWNER, RECORD } from '../flows/layout.js'
import type { RecordView } from '../flows/record-view.js'
import { idHash } from '../flows/tuple.js'

const ROOMS = 512
const WORDS = OWNER.size / 4
/** The words that choose a room: which process it is. */
const PID = OWNER.pid / 4
const START = OWNER.start / 4

/** A small table of owner records, byte for byte; a room holds the last one that fell into it. */
export class SeenOwners {
  readonly #words = new Uint32Array(ROOMS * WORDS)

  /** The owner of this flow is there already; else it is from now on. */
  add(view: RecordView): boolean {
    const { data } = view
    const from = view.at + RECORD.owner
    const word = (i: number): number => data.getUint32(from + 4 * i, true)
    const room = (idHash(word(START), word(PID)) >>> 23) * WORDS
    let same = true
    for (let i = 0; i < WORDS; i++) {
      const value = word(i)
      if (this.#words[room + i] !== value) {
        this.#words[room + i] = value
        same = false
      }
    }
    return same
  }
  clear(): void {
    this.#words.fill(0)
  }
}
