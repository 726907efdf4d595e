// SPDX-License-Identifier: Apache-2.0
// The services seen since the start, each with a small number that flows keep as their tag. Bounded: those that come
// when it is full are counted as `~other`.
import { OTHER, type Service, UNKNOWN } from './service.js'

export const UNKNOWN_INDEX = 1
export const OTHER_INDEX = 2

export class ServiceRegistry {
  readonly #services: (Service | undefined)[] = [undefined, UNKNOWN, OTHER]
  readonly #indexes = new Map<string, number>([
    [UNKNOWN.id, UNKNOWN_INDEX],
    [OTHER.id, OTHER_INDEX],
  ])
  readonly limit: number
  /** Services that were folded into `~other`: not how many different ones. */
  folded = 0

  constructor(limit = 4096) {
    this.limit = limit
  }

  get size(): number {
    return this.#indexes.size
  }
  /** The number of a service, from 1; never changes. The first one of an id is kept. */
  intern(service: Service): number {
    const known = this.#indexes.get(service.id)
    if (known !== undefined) return known
    if (this.#indexes.size >= this.limit) {
      this.folded++
      return OTHER_INDEX
    }
    const index = this.#services.length
    this.#services.push(service)
    this.#indexes.set(service.id, index)
    return index
  }
  get(index: number): Service | undefined {
    return this.#services[index]
  }
  indexOf(id: string): number | undefined {
    return this.#indexes.get(id)
  }
  *all(): Generator<{ readonly index: number; readonly service: Service }> {
    for (let index = 1; index < this.#services.length; index++) yield { index, service: this.#services[index]! }
  }
}
