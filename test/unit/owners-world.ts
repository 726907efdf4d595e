// SPDX-License-Identifier: Apache-2.0
// A made-up host for the tests of src/owners: real directories as cgroups (ids = their inode numbers), files shaped like
// those of /proc, and a clock that stands still until told.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ExecRecord, OwnerRecord } from '../../src/flows/decode.js'
import type { Clock, OwnerLimits, OwnerRoots } from '../../src/owners/facts.js'
import { Owners } from '../../src/owners/owners.js'

export const SECOND = 1_000_000_000n
export const TICK = 10_000_000n

export class FakeClock implements Clock {
  now = 1000n * SECOND
  readonly epoch = 1_700_000_000n * SECOND
  monotonicNs(): bigint {
    return this.now
  }
  realtimeNs(): bigint {
    return this.epoch + this.now
  }
}

export interface FakeProcess {
  pid: number
  ppid?: number
  startTicks: bigint
  comm?: string
  uid?: number
  /** Path of a file inside the world. */
  exe?: string
  args?: string
  cgroup?: string
}

export class World {
  readonly root = mkdtempSync(join(tmpdir(), 'flowident-owners-'))
  readonly clock = new FakeClock()
  readonly roots: OwnerRoots

  constructor() {
    this.roots = {
      proc: this.dir('proc'),
      sys: this.dir('sys'),
      cgroup: this.dir('cgroup'),
      passwd: this.file('etc/passwd', 'root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\nweb2:x:33:33::/:/bin/sh\n'),
      run: this.dir('run'),
    }
  }

  owners(limits: Partial<OwnerLimits> = {}): Owners {
    return new Owners(this.roots, this.clock, limits)
  }

  path(name: string): string {
    return join(this.root, name)
  }

  dir(name: string): string {
    mkdirSync(this.path(name), { recursive: true })
    return this.path(name)
  }

  file(name: string, text: string): string {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), text)
    return this.path(name)
  }

  ino(name: string): bigint {
    return statSync(this.path(name), { bigint: true }).ino
  }

  /** Makes an executable; returns its inode number. */
  exe(name: string): bigint {
    chmodSync(this.file(name, '#!/bin/true\n'), 0o755)
    return this.ino(name)
  }

  /** Makes a cgroup; returns its id. */
  cgroup(path: string): bigint {
    this.dir(`cgroup${path}`)
    return this.ino(`cgroup${path}`)
  }

  /** Makes or replaces /proc/PID. */
  process(process: FakeProcess): void {
    const { pid, ppid = 1, startTicks, comm = 'prog', uid = 0, exe, args = 'prog\0', cgroup = '0::/\n' } = process
    this.end(pid)
    const at = `proc/${pid}`
    const fields = ['S', ppid, ...new Array<number>(17).fill(0), startTicks, ...new Array<number>(30).fill(0)]
    this.file(`${at}/stat`, `${pid} (${comm}) ${fields.join(' ')}\n`)
    this.file(`${at}/status`, `Name:\t${comm}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
    this.file(`${at}/cmdline`, args)
    this.file(`${at}/cgroup`, cgroup)
    if (exe !== undefined) symlinkSync(this.path(exe), this.path(`${at}/exe`))
  }

  end(pid: number): void {
    rmSync(this.path(`proc/${pid}`), { recursive: true, force: true })
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

export function owner(from: Partial<OwnerRecord> & { pid: number }): OwnerRecord {
  return { cgroup: 0n, startNs: 0n, exeIno: 0n, exeDev: 1, ppid: 1, uid: 0, netns: 0, execId: 1, comm: 'prog', how: 3, ...from }
}

export function exec(from: OwnerRecord, path: string, ...args: string[]): ExecRecord {
  return { nowNs: 0n, owner: { ...from, how: 0 }, path, args: args.map((arg) => `${arg}\0`).join('') }
}
