// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from './facts.js'
import { Lru } from './lru.js'

export interface NetnsName {
  name: string
  from: string
}

const SCAN_NS = 1_000_000_000n
const SCAN_MAX = 4096
const OWNERS_MAX = 4096
// The kernel numbers namespaces from here on and makes the first network namespace among its very first objects; those
// made later come after hundreds of others. Newer kernels give it a fixed number below.
const FIRST_INO = 0xf000_0000
const EARLY = 160

/** Names of network namespaces by inode number: the host's, those of `ip netns`, and of the container that lives there. */
export class Netns {
  readonly #proc: string
  readonly #run: string
  readonly #clock: Clock
  readonly #owners = new Lru<number, NetnsName>(OWNERS_MAX)
  #files = new Map<number, NetnsName>()
  #scanned: bigint | undefined
  #host: { ino: number; from: string } | null | undefined

  constructor(proc: string, run: string, clock: Clock) {
    this.#proc = proc
    this.#run = run
    this.#clock = clock
  }

  /** Somebody was seen to live in this namespace. The first owner names it; a pod's containers share one. */
  learn(ino: number, name: string, from: string): void {
    if (ino === 0 || ino === this.#hostIno()?.ino || this.#owners.peek(ino)) return
    this.#owners.set(ino, { name, from })
  }

  name(ino: number): NetnsName | undefined {
    if (ino === 0) return undefined
    const host = this.#hostIno()
    if (host?.ino === ino) return { name: 'host', from: host.from }
    const now = this.#clock.monotonicNs()
    if (this.#scanned === undefined || now - this.#scanned >= SCAN_NS) {
      this.#scanned = now
      this.#scan()
    }
    return this.#files.get(ino) ?? this.#owners.get(ino)
  }

  #hostIno(): { ino: number; from: string } | null {
    if (this.#host !== undefined) return this.#host
    this.#host = null
    // Process 2 is the kernel's own and never leaves the first namespace; process 1 may be a container's.
    for (const pid of ['2', '1', 'self']) {
      const ino = this.#link(join(this.#proc, pid, 'ns/net'))
      if (ino === undefined || (pid === 'self' && ino >= FIRST_INO + EARLY)) continue
      this.#host = { ino, from: `/proc/${pid}/ns/net` }
      break
    }
    return this.#host
  }

  #link(path: string): number | undefined {
    try {
      const ino = /^net:\[(\d{1,10})\]$/.exec(readlinkSync(path))?.[1]
      return ino === undefined ? undefined : Number(ino)
    } catch {
      return undefined
    }
  }

  #scan(): void {
    const files = new Map<number, NetnsName>()
    for (const folder of ['netns', 'docker/netns']) {
      let names: string[] = []
      try {
        names = readdirSync(join(this.#run, folder))
      } catch {
        continue // nobody made one
      }
      for (const name of names.slice(0, SCAN_MAX)) {
        try {
          const { ino } = statSync(join(this.#run, folder, name))
          if (!files.has(ino)) files.set(ino, { name, from: `/run/${folder}/${name}` })
        } catch {
          // removed meanwhile
        }
      }
    }
    this.#files = files
  }
}
