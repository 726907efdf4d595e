// SPDX-License-Identifier: Apache-2.0
// Network interfaces of this namespace.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KernelSource } from './kernel.js'

export interface Interface {
  readonly name: string
  readonly index: number
  /** Has hardware (or a hypervisor's imitation) behind it. */
  readonly device: boolean
  readonly loopback: boolean
}

const IFF_LOOPBACK = 8

/** Lists what is there now. */
export type ListInterfaces = () => Interface[]

/** From /sys/class/net. */
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

/** As the kernel names them in our own namespace; /sys, which may show another one's, only says what has a device. */
export const interfaceLister =
  (source: Pick<KernelSource, 'interfaces'>, sys: string): ListInterfaces =>
  () => {
    const shown = listInterfaces(sys)
    const own = source.interfaces?.()
    if (own === undefined) return shown
    const devices = new Map(shown.map((each) => [`${each.index} ${each.name}`, each.device]))
    return own.map(({ name, index, flags }) => ({
      name,
      index,
      device: devices.get(`${index} ${name}`) ?? false,
      loopback: (flags & IFF_LOOPBACK) !== 0,
    }))
  }

/** Names by index. An index that is not known yet is looked up again, once a second at most. */
export class InterfaceNames {
  readonly #list: ListInterfaces
  readonly #now: () => number
  #names = new Map<number, string>()
  #readAt = -Infinity

  constructor(list: ListInterfaces, now: () => number) {
    this.#list = list
    this.#now = now
  }
  name(index: number): string | undefined {
    if (index === 0) return undefined
    const known = this.#names.get(index)
    if (known !== undefined || this.#now() - this.#readAt < 1000) return known
    this.#readAt = this.#now()
    for (const { name, index: number } of this.#list()) this.#names.set(number, name)
    return this.#names.get(index)
  }
}
