// SPDX-License-Identifier: Apache-2.0
// Labels beside the flow records. Their bytes come from strangers, so there is a budget: beyond it new labels are refused
// and counted. Labels may be read before the flow's first record is: these wait, a bounded number of them.

export type Labels = ReadonlyMap<string, string>

const WAITING = 4096

const sizeOf = (labels: Labels): number => {
  let size = 64
  for (const [, value] of labels) size += 48 + 2 * value.length
  return size
}

export class LabelStore {
  readonly #bySlot: (Labels | undefined)[] = []
  readonly #waiting = new Map<bigint, Labels>()
  readonly #budget: number
  #bytes = 0
  #refused = 0

  constructor(budget: number) {
    this.#budget = budget
  }

  get bytes(): number {
    return this.#bytes
  }
  /** Label sets that were dropped for want of room. */
  get refused(): number {
    return this.#refused
  }
  get(slot: number): Labels | undefined {
    return this.#bySlot[slot]
  }

  /** Adds to what the flow has; a newer value of the same key wins. False when there is no room. */
  put(slot: number, labels: Labels): boolean {
    if (labels.size === 0) return false
    const old = this.#bySlot[slot]
    const merged = old ? new Map([...old, ...labels]) : labels
    const growth = sizeOf(merged) - (old ? sizeOf(old) : 0)
    if (this.#bytes + growth > this.#budget) {
      this.#refused++
      return false
    }
    this.#bytes += growth
    this.#bySlot[slot] = merged
    return true
  }
  drop(slot: number): void {
    const old = this.#bySlot[slot]
    if (!old) return
    this.#bytes -= sizeOf(old)
    this.#bySlot[slot] = undefined
  }

  /** Keeps labels of a flow that is not known yet. */
  wait(id: bigint, labels: Labels): void {
    if (this.#waiting.size >= WAITING) {
      const oldest = this.#waiting.keys().next()
      if (!oldest.done) this.#waiting.delete(oldest.value)
      this.#refused++
    }
    const old = this.#waiting.get(id)
    this.#waiting.set(id, old ? new Map([...old, ...labels]) : labels)
  }
  /** Labels that waited for this flow, once. */
  claim(high: number, low: number): Labels | undefined {
    if (this.#waiting.size === 0) return undefined
    const id = (BigInt(high) << 32n) | BigInt(low)
    const labels = this.#waiting.get(id)
    if (labels) this.#waiting.delete(id)
    return labels
  }
}
