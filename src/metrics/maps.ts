// SPDX-License-Identifier: Apache-2.0
// Fill of the kernel's maps and of the daemon's own tables. Label: map.
import type { MapStats } from '../kernel/kernel.js'
import type { Collector, Family } from './text.js'

export interface Fill {
  readonly name: string
  readonly entries: number
  readonly capacity: number
}

export class MapsCollector implements Collector {
  readonly name = 'maps'
  readonly #maps: () => Promise<readonly MapStats[]>
  readonly #own: () => readonly Fill[]
  constructor(maps: () => Promise<readonly MapStats[]>, own: () => readonly Fill[]) {
    this.#maps = maps
    this.#own = own
  }
  async collect(): Promise<Family[]> {
    const maps = await this.#maps()
    const fills: readonly Fill[] = [...maps, ...this.#own()]
    return [
      {
        name: 'flowident_map_entries',
        type: 'gauge',
        help: 'Entries in use in a table, of the kernel part or of the daemon.',
        samples: fills.map(({ name, entries }) => ({ labels: { map: name }, value: entries })),
      },
      {
        name: 'flowident_map_capacity',
        type: 'gauge',
        help: 'Entries that a table has room for.',
        samples: fills.map(({ name, capacity }) => ({ labels: { map: name }, value: capacity })),
      },
      {
        name: 'flowident_map_bytes',
        type: 'gauge',
        help: 'Kernel memory of a map.',
        samples: maps.map(({ name, bytes }) => ({ labels: { map: name }, value: bytes })),
      },
    ]
  }
}
