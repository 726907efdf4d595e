// SPDX-License-Identifier: Apache-2.0
// Cursors: where a list goes on. Opaque to clients, bound to this run of the daemon and to the question asked; anything
// else is refused.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { PartError } from './problem.js'

const KEY = 8

export class Cursors {
  readonly #secret = randomBytes(16)

  #mark(position: number, question: string): Buffer {
    return createHmac('sha256', this.#secret).update(`${position} ${question}`).digest().subarray(0, KEY)
  }
  write(position: number, question: string): string {
    const bytes = Buffer.alloc(4 + KEY)
    bytes.writeUInt32BE(position)
    this.#mark(position, question).copy(bytes, 4)
    return bytes.toString('base64url')
  }
  read(cursor: string, question: string): number {
    const bytes = Buffer.from(cursor, 'base64url')
    if (bytes.length === 4 + KEY && bytes.toString('base64url') === cursor) {
      const position = bytes.readUInt32BE()
      if (timingSafeEqual(this.#mark(position, question), bytes.subarray(4))) return position
    }
    throw new PartError('/query/cursor', 'is not a cursor of this list: ask again without one')
  }
}
