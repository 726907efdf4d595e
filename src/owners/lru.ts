// SPDX-License-Identifier: Apache-2.0
/** Map that forgets what was used least recently once it is full. */
export class Lru<K, V> {
  readonly #map = new Map<K, V>()
  readonly #capacity: number
  readonly #evicted: ((key: K, value: V) => void) | undefined

  constructor(capacity: number, evicted?: (key: K, value: V) => void) {
    this.#capacity = Math.max(1, capacity)
    this.#evicted = evicted
  }

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    const value = this.#map.get(key)
    if (value !== undefined) {
      this.#map.delete(key)
      this.#map.set(key, value)
    }
    return value
  }

  /** Looks without counting as use. */
  peek(key: K): V | undefined {
    return this.#map.get(key)
  }

  set(key: K, value: V): void {
    this.#map.delete(key)
    this.#map.set(key, value)
    if (this.#map.size <= this.#capacity) return
    for (const [oldest, gone] of this.#map) {
      this.#map.delete(oldest)
      this.#evicted?.(oldest, gone)
      break
    }
  }

  delete(key: K): boolean {
    return this.#map.delete(key)
  }

  clear(): void {
    this.#map.clear()
  }
}
