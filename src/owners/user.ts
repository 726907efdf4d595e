// SPDX-License-Identifier: Apache-2.0
import { readFileSync, statSync } from 'node:fs'
import type { Clock } from './facts.js'

const CHECK_NS = 2_000_000_000n
const SIZE_MAX = 4 * 1024 * 1024

/** Names of users, from one passwd file, read again when it changes. */
export class Users {
  readonly #file: string
  readonly #clock: Clock
  #names = new Map<number, string>()
  #version = ''
  #checked: bigint | undefined

  constructor(file: string, clock: Clock) {
    this.#file = file
    this.#clock = clock
  }

  name(uid: number): string | undefined {
    const now = this.#clock.monotonicNs()
    if (this.#checked === undefined || now - this.#checked >= CHECK_NS) {
      this.#checked = now
      this.#reload()
    }
    return this.#names.get(uid)
  }

  #reload(): void {
    try {
      const stat = statSync(this.#file, { bigint: true })
      // A replaced file has another inode even when it was written within one tick of the clock.
      const version = `${stat.ino} ${stat.size} ${stat.mtimeNs}`
      if (version === this.#version) return
      this.#version = version
      this.#names = stat.size > SIZE_MAX ? new Map() : parsePasswd(readFileSync(this.#file, 'utf8'))
    } catch {
      // No such file in a container or chroot: uids stay numbers.
      this.#names = new Map()
      this.#version = ''
    }
  }
}

/** The first line of a uid counts, as in getpwuid(3). */
export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':', 3)
    if (!name || name.startsWith('#') || uid === undefined || !/^\d{1,10}$/.test(uid)) continue
    if (!names.has(Number(uid))) names.set(Number(uid), name)
  }
  return names
}
