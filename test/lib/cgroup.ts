// SPDX-License-Identifier: Apache-2.0
// Control groups of tests, in the unified hierarchy.
import { mkdirSync, readFileSync } from 'node:fs'
import { note, remove } from './registry.js'

/** Where cgroup v2 is mounted. */
export function cgroupRoot(): string {
  for (const row of readFileSync('/proc/self/mountinfo', 'utf8').split('\n'))
    if (row.includes(' - cgroup2 ')) return row.split(' ')[4] as string
  throw new Error('no cgroup v2 hierarchy is mounted')
}

export class Cgroup {
  /** From the root of the hierarchy. */
  readonly name: string
  /** In the file system. */
  readonly path: string

  constructor(label: string) {
    this.name = `/flowident-test-${process.pid}-${label}`
    this.path = `${cgroupRoot()}${this.name}`
    note('cgroup', this.path)
    mkdirSync(this.path)
  }

  [Symbol.dispose](): void {
    remove('cgroup', this.path)
  }
}
