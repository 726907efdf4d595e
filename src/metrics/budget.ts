// SPDX-License-Identifier: Apache-2.0
// Which series are shown by themselves. The first to come are, those with most weight first; the rest is summed in `~other`.
// What was shown stays, and what was summed is never taken out again: either would make a counter fall.

export class Budget<T> {
  readonly #rooms: number
  readonly #shown = new Set<T>()
  #overflowed = false

  /** `rooms`: how many are shown at most, `~other` not among them. */
  constructor(rooms: number) {
    this.#rooms = Math.max(1, rooms)
  }

  /** Splits all series there are. `all` only ever grows. */
  split(all: readonly T[], weight: (series: T) => number): { readonly shown: readonly T[]; readonly rest: readonly T[] } {
    if (!this.#overflowed) {
      const waiting = all.filter((series) => !this.#shown.has(series))
      const free = this.#rooms - this.#shown.size
      this.#overflowed = waiting.length > free
      if (this.#overflowed) waiting.sort((a, b) => weight(b) - weight(a))
      for (const series of waiting.slice(0, free)) this.#shown.add(series)
    }
    return { shown: [...this.#shown], rest: this.#overflowed ? all.filter((series) => !this.#shown.has(series)) : [] }
  }
}
