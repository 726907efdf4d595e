// SPDX-License-Identifier: Apache-2.0
// Paths of cgroups by id. An id is the inode number of the directory; the kernel uses it once only, so a removed cgroup
// keeps its path for the flows that still name it.

import { lstatSync, readdirSync } from 'node:fs'
import type { CgroupRecord } from '../flows/decode.js'
import { type Clock, type CreatedFrom, KERNEL_TEXT, type OwnerLimits } from './facts.js'
import { Lru } from './lru.js'

export interface Cgroup {
  id: bigint
  path: string
  /** What told the path. */
  from: string
  removedAt?: bigint
  createdNs?: bigint
  createdFrom?: CreatedFrom
  /** The kernel's record had room for the beginning of the path only. */
  cut?: true
}

const PATH_MAX = 4096
const ROOT_ID = 1n

export class Cgroups {
  readonly #root: string | null
  readonly #clock: Clock
  readonly #limits: OwnerLimits
  readonly #live: Lru<bigint, Cgroup>
  readonly #removed: Lru<bigint, Cgroup>
  readonly #byPath = new Map<string, Cgroup>()

  constructor(root: string | null, clock: Clock, limits: OwnerLimits) {
    this.#root = root
    this.#clock = clock
    this.#limits = limits
    this.#live = new Lru(limits.cgroups, (_id, cgroup) => this.#unlist(cgroup))
    this.#removed = new Lru(limits.removedCgroups)
  }

  get size(): number {
    return this.#live.size + this.#removed.size
  }

  onRecord(record: CgroupRecord): void {
    const cut = Buffer.byteLength(record.path) >= KERNEL_TEXT - 1
    if (record.removed) {
      const known = this.#live.peek(record.id)
      if (known) {
        this.#live.delete(record.id)
        this.#unlist(known)
      }
      const gone: Cgroup = known && !known.cut ? known : { id: record.id, path: record.path, from: 'rmdir record', ...(cut ? { cut } : {}) }
      gone.removedAt = this.#clock.monotonicNs()
      this.#removed.set(record.id, gone)
      return
    }
    const age = this.#clock.monotonicNs() - record.nowNs
    this.#list({
      id: record.id,
      path: record.path,
      from: 'mkdir record',
      createdNs: this.#clock.realtimeNs() - age,
      createdFrom: 'mkdir',
      ...(cut ? { cut: true as const } : {}),
    })
  }

  lookup(id: bigint): Cgroup | undefined {
    const live = this.#live.get(id)
    if (live) return live
    const removed = this.#removed.get(id)
    if (!removed) return id === ROOT_ID ? { id, path: '/', from: 'id 1 is the root' } : undefined
    const keptNs = BigInt(this.#limits.removedSeconds) * 1_000_000_000n
    if (this.#clock.monotonicNs() - (removed.removedAt ?? 0n) <= keptNs) return removed
    this.#removed.delete(id)
    return undefined
  }

  /** Takes a path that a process named for this id, if its directory really has the id. */
  adopt(id: bigint, path: string, from: string): Cgroup | undefined {
    const cgroup = this.#stat(path, from)
    return cgroup?.id === id ? this.#list(cgroup) : undefined
  }

  /** When the cgroup at a path was made. */
  created(path: string): { createdNs: bigint; createdFrom: CreatedFrom } | undefined {
    const cgroup = this.#byPath.get(path) ?? this.#stat(path, 'lookup')
    if (cgroup?.createdNs === undefined || cgroup.createdFrom === undefined) return undefined
    return { createdNs: cgroup.createdNs, createdFrom: cgroup.createdFrom }
  }

  /** Visits every directory of the hierarchy, widest first, one per step. */
  *walk(): Generator<void, number> {
    let seen = 0
    const most = Math.max(1, this.#limits.cgroups >> 1)
    const queue = ['/']
    for (let next = 0; next < queue.length; next++) {
      const path = queue[next] ?? '/'
      queue[next] = ''
      for (const child of this.#children(path)) if (queue.length < most) queue.push(child)
      seen++
      yield
    }
    return seen
  }

  #children(path: string): string[] {
    const cgroup = this.#stat(path, 'walk')
    if (!cgroup || this.#root === null) return []
    if (!this.#removed.peek(cgroup.id)) this.#list(cgroup)
    // The cgroup filesystem counts directories in the link count: 2 = no child, and no need to read a hundred names.
    if (cgroup.leaf) return []
    try {
      const names = readdirSync(this.#root + path, { withFileTypes: true })
      const below = path === '/' ? '/' : `${path}/`
      return names.filter((entry) => entry.isDirectory()).map((entry) => below + entry.name)
    } catch {
      return [] // removed meanwhile
    }
  }

  #stat(path: string, from: string): (Cgroup & { leaf?: boolean }) | undefined {
    if (this.#root === null || path.length > PATH_MAX || path.includes('\0') || path.split('/').includes('..')) return undefined
    try {
      const stat = lstatSync(this.#root + path, { bigint: true })
      if (!stat.isDirectory()) return undefined
      const birth = stat.birthtimeNs > 0n
      return {
        id: stat.ino,
        path,
        from,
        createdNs: birth ? stat.birthtimeNs : stat.ctimeNs,
        createdFrom: birth ? 'birth' : 'ctime',
        leaf: stat.nlink === 2n,
      }
    } catch {
      return undefined
    }
  }

  #list(cgroup: Cgroup): Cgroup {
    const known = this.#live.peek(cgroup.id)
    if (known) {
      // The record of mkdir knows the moment better; a walk knows the whole path.
      if (known.createdFrom === 'mkdir' && cgroup.createdFrom !== 'mkdir' && known.createdNs !== undefined) {
        cgroup.createdNs = known.createdNs
        cgroup.createdFrom = 'mkdir'
      }
      if (!known.cut && known.from === 'mkdir record' && cgroup.from !== 'mkdir record') return known
      this.#unlist(known)
    }
    this.#removed.delete(cgroup.id)
    this.#live.set(cgroup.id, cgroup)
    if (!cgroup.cut) this.#byPath.set(cgroup.path, cgroup)
    return cgroup
  }

  #unlist(cgroup: Cgroup): void {
    if (this.#byPath.get(cgroup.path) === cgroup) this.#byPath.delete(cgroup.path)
  }
}
