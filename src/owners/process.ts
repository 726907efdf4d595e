// SPDX-License-Identifier: Apache-2.0
// Which program a process runs: from the kernel's exec records, from the parent when it was only forked, and from /proc
// while the very process still exists. A process is (pid, start); a program in it is counted by exec_id.

import type { ExecRecord } from '../flows/decode.js'
import type { OwnerRecord } from '../flows/owner-record.js'
import { type Clock, KERNEL_TEXT } from './facts.js'
import { commandLine, copy, fill, type Image, type Program, pathKey, runs, sameFile } from './image.js'
import { Lru } from './lru.js'
import type { ProcFiles, ProcReading } from './proc-files.js'

interface Incarnation {
  startNs: bigint
  /** False: start known in clock ticks only, from /proc. */
  exact: boolean
  images: Image[]
  /** /proc no longer has this process, and never will again. */
  gone?: true
  deniedAt?: bigint
}

const INCARNATIONS = 4
const IMAGES = 4
const PATHS = 1024
const DENIED_NS = 60_000_000_000n
const STRANGER_NS = 1_000_000_000n
// /proc reads caused by exec records: enough for every program a host has, too few to be slowed by a fork bomb.
const LOOKS_PER_SECOND = 200

export class Processes {
  readonly #files: ProcFiles
  readonly #clock: Clock
  readonly #tickNs: bigint
  readonly #pids: Lru<number, Incarnation[]>
  /** Real path of an executable, by inode and the path it was started with. */
  readonly #paths = new Lru<string, string>(PATHS)
  /** Parents that /proc was asked about, and until when it is not asked again. */
  readonly #strangers = new Lru<number, bigint>(PATHS)
  #looks = 0
  #looksSince = 0n

  constructor(files: ProcFiles, clock: Clock, limit: number, ticksPerSecond = 100) {
    this.#files = files
    this.#clock = clock
    this.#pids = new Lru(limit)
    this.#tickNs = 1_000_000_000n / BigInt(ticksPerSecond)
  }

  get size(): number {
    return this.#pids.size
  }

  onExec(record: ExecRecord): void {
    const { owner, path, args } = record
    const process = this.#process(owner.pid, owner.startNs)
    const image: Image = {
      execId: owner.execId,
      exeIno: owner.exeIno,
      commandLine: commandLine(args),
      commandFrom: 'exec record',
    }
    if (Buffer.byteLength(args) >= KERNEL_TEXT && !args.endsWith('\0')) image.cut = true
    if (path !== '' && Buffer.byteLength(path) < KERNEL_TEXT - 1) {
      image.exePath = path
      image.exeFrom = 'path given to execve'
      image.given = true
      this.#realPath(owner, process, image, path)
    }
    this.#add(process, image)
  }

  /** What was read from /proc at start-up. */
  onReading(reading: ProcReading): void {
    if (reading.exeIno === undefined || reading.exePath === undefined) return
    const start = reading.startTicks * this.#tickNs
    const known = this.#pids.get(reading.pid)?.find((process) => this.#same(process.startNs, reading.startTicks))
    const process = known ?? this.#insert(reading.pid, { startNs: start, exact: false, images: [] })
    // An exec record is newer and more exact than this.
    if (process.images.some((image) => image.exeIno === reading.exeIno)) return
    this.#add(process, fill({ exeIno: reading.exeIno }, reading))
  }

  resolve(owner: OwnerRecord): Program {
    if (owner.pid === 0) return {}
    const process = this.#process(owner.pid, owner.startNs)
    let image = process.images.findLast((candidate) => runs(candidate, owner))
    if (!image) {
      image = { execId: owner.execId, exeIno: owner.exeIno }
      this.#add(process, image)
    }
    image.execId ??= owner.execId
    if (image.exePath === undefined || image.given || image.cut) this.#look(owner, process, image)
    if (image.exePath === undefined) this.#inherit(owner, process, image)
    return image
  }

  /** Text of /proc/PID/cgroup while the process exists. */
  cgroups(owner: OwnerRecord): string | undefined {
    if (owner.pid === 0 || this.#process(owner.pid, owner.startNs).gone) return undefined
    return this.#files.cgroups(owner.pid, (ticks) => this.#same(owner.startNs, ticks))
  }

  /** Both clocks floor to ticks; one tick of difference is allowed for offsets of time namespaces. */
  #same(startNs: bigint, ticks: bigint): boolean {
    const difference = startNs / this.#tickNs - ticks
    return difference >= -1n && difference <= 1n
  }

  #process(pid: number, startNs: bigint): Incarnation {
    const all = this.#pids.get(pid)
    const exact = all?.find((process) => process.exact && process.startNs === startNs)
    if (exact) return exact
    const rough = all?.find((process) => !process.exact && this.#same(startNs, process.startNs / this.#tickNs))
    if (!rough) return this.#insert(pid, { startNs, exact: true, images: [] })
    rough.startNs = startNs
    rough.exact = true
    return rough
  }

  #insert(pid: number, process: Incarnation): Incarnation {
    const all = this.#pids.get(pid) ?? []
    all.push(process)
    all.sort((a, b) => (a.startNs < b.startNs ? -1 : 1))
    // A pid has one owner at a time: whoever started before the newest is gone.
    for (const older of all.slice(0, -1)) older.gone = true
    if (all.length > INCARNATIONS) all.shift()
    this.#pids.set(pid, all)
    return process
  }

  #add(process: Incarnation, image: Image): void {
    process.images.push(image)
    if (process.images.length > IMAGES) process.images.shift()
  }

  /** The process itself in /proc, if it is still that one and still runs that program. */
  #look(owner: OwnerRecord, process: Incarnation, image: Image): void {
    if (process.gone || image.tried) return
    const now = this.#clock.monotonicNs()
    if (process.deniedAt !== undefined && now - process.deniedAt < DENIED_NS) return
    const reading = this.#files.read(owner.pid)
    if (reading === 'denied') {
      process.deniedAt = now
      return
    }
    image.tried = true
    if (reading === 'gone' || !this.#same(owner.startNs, reading.startTicks)) {
      process.gone = true
      return
    }
    if (!sameFile(reading, owner)) return
    const given = image.exePath
    // A process may rewrite its arguments; what it was started with is only completed, not replaced.
    const longer = image.cut && reading.args !== undefined && commandLine(reading.args).startsWith(image.commandLine ?? '')
    const kept = image.commandLine !== undefined && !longer ? { commandLine: image.commandLine, commandFrom: image.commandFrom } : {}
    Object.assign(fill(image, reading), kept)
    if (given !== undefined && reading.exePath !== undefined) this.#paths.set(pathKey(owner, given), reading.exePath)
  }

  /** At exec: an executable seen before has its real path at once, a new one is looked up while the process is young. */
  #realPath(owner: OwnerRecord, process: Incarnation, image: Image, given: string): void {
    const known = this.#paths.get(pathKey(owner, given))
    if (known !== undefined) {
      image.exePath = known
      image.exeFrom = 'earlier process of the same file'
      delete image.given
      return
    }
    const now = this.#clock.monotonicNs()
    if (now - this.#looksSince >= 1_000_000_000n) {
      this.#looksSince = now
      this.#looks = 0
    }
    if (this.#looks++ < LOOKS_PER_SECOND) this.#look(owner, process, image)
  }

  /** fork(2) copies exec_id and the executable: the parent's program is the child's. */
  #inherit(owner: OwnerRecord, process: Incarnation, image: Image): void {
    const parents = this.#pids.get(owner.ppid)?.filter((parent) => parent.startNs <= process.startNs)
    const known = parents?.at(-1)?.images.findLast((candidate) => runs(candidate, owner) && candidate.exePath !== undefined)
    if (known) {
      copy(image, known, owner.ppid)
      return
    }
    const now = this.#clock.monotonicNs()
    if ((parents?.length ?? 0) > 0 || now < (this.#strangers.get(owner.ppid) ?? 0n)) return
    this.#strangers.set(owner.ppid, now + STRANGER_NS)
    const reading = this.#files.read(owner.ppid)
    if (typeof reading === 'string' || reading.startTicks > owner.startNs / this.#tickNs || !sameFile(reading, owner)) return
    this.onReading(reading)
    copy(image, fill({ exeIno: owner.exeIno }, reading), owner.ppid)
  }
}
