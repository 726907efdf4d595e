// SPDX-License-Identifier: Apache-2.0
// Network interfaces of this namespace, from /sys/class/net.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Interface {
  readonly name: string
  readonly index: number
  /** Has hardware (or a hypervisor's imitation) behind it. */
  readonly device: boolean
  readonly loopback: boolean
}

const IFF_LOOPBACK = 8

export const listInterfaces = (sys: string): Interface[] => {
  const root = join(sys, 'class/net')
  const found: Interface[] = []
  for (const name of existsSync(root) ? readdirSync(root) : []) {
    try {
      const read = (file: string): string => readFileSync(join(root, name, file), 'utf8').trim()
      found.push({
        name,
        index: Number(read('ifindex')),
        device: existsSync(join(root, name, 'device')),
        loopback: (Number(read('flags')) & IFF_LOOPBACK) !== 0,
      })
    } catch {
      // gone between listing and reading, or a file of the bonding driver
    }
  }
  return found.sort((a, b) => a.index - b.index)
}

/** Names by index. An index that is not known yet is looked up again, once a second at most. */
export class InterfaceNames {
  readonly #sys: string
  readonly #now: () => number
  #names = new Map<number, string>()
  #readAt = -Infinity

  constructor(sys: string, now: () => number) {
    this.#sys = sys
    this.#now = now
  }
  name(index: number): string | undefined {
    if (index === 0) return undefined
    const known = this.#names.get(index)
    if (known !== undefined || this.#now() - this.#readAt < 1000) return known
    this.#readAt = this.#now()
    for (const { name, index: number } of listInterfaces(this.#sys)) this.#names.set(number, name)
    return this.#names.get(index)
  }
}
