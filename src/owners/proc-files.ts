// SPDX-License-Identifier: Apache-2.0
// What /proc says about one process. Every answer is checked to be about the process that was asked for: a pid alone
// may have got a new owner between two reads.

import { closeSync, openSync, readlinkSync, readSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface ProcReading {
  pid: number
  ppid: number
  /** Start in clock ticks after boot: field 22 of stat. */
  startTicks: bigint
  comm: string
  uid: number
  exePath?: string
  exeIno?: bigint
  exeDeleted?: true
  /** Inode numbers of a stacked filesystem need not be those the kernel program saw. */
  exeStacked?: true
  /** Arguments, still separated by zero bytes. */
  args?: string
}

export type ProcFailure = 'gone' | 'denied'

const TEXT_MAX = 4096
const ARGS_MAX = 2048
const OVERLAYFS = 0x794c7630
const DELETED = ' (deleted)'

function failure(error: unknown): ProcFailure {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'gone'
}

/** The first bytes of a file of /proc; their size is not known before they are read. */
function readStart(path: string, max: number): Buffer {
  const fd = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(max)
    let length = 0
    while (length < max) {
      const n = readSync(fd, buffer, length, max - length, null)
      if (n === 0) break
      length += n
    }
    return buffer.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}

export interface Stat {
  comm: string
  ppid: number
  startTicks: bigint
}

/** The name may hold anything, also ")" and newlines: fields are counted from the last ")". */
export function parseStat(text: string): Stat | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < open) return undefined
  const fields = text.slice(close + 2).split(' ')
  const ppid = fields[1]
  const start = fields[19]
  if (ppid === undefined || start === undefined || !/^\d+$/.test(start) || !/^\d+$/.test(ppid)) return undefined
  return { comm: text.slice(open + 1, close), ppid: Number(ppid), startTicks: BigInt(start) }
}

export class ProcFiles {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  stat(pid: number): Stat | ProcFailure {
    try {
      return parseStat(readStart(join(this.#root, `${pid}`, 'stat'), TEXT_MAX).toString('utf8')) ?? 'gone'
    } catch (error) {
      return failure(error)
    }
  }

  /** Reads all of one process; `gone` when it ended, or was replaced, while being read. */
  read(pid: number): ProcReading | ProcFailure {
    const before = this.stat(pid)
    if (typeof before === 'string') return before
    const reading: ProcReading = { pid, ...before, uid: this.#uid(pid) }
    const denied = this.#exe(reading)
    try {
      const args = readStart(join(this.#root, `${pid}`, 'cmdline'), ARGS_MAX).toString('utf8')
      if (args !== '') reading.args = args
    } catch {
      // ended: the check below notices
    }
    const after = this.stat(pid)
    if (typeof after === 'string' || after.startTicks !== before.startTicks) return 'gone'
    if (denied) return 'denied'
    // exec(2) between reading the link and the arguments would mix two programs: then only the process itself is told.
    if (reading.exeIno !== undefined && this.exeIno(pid) !== reading.exeIno) return { pid, ...after, uid: reading.uid }
    return reading
  }

  exeIno(pid: number): bigint | undefined {
    try {
      return statSync(join(this.#root, `${pid}`, 'exe'), { bigint: true }).ino
    } catch {
      return undefined
    }
  }

  /** Text of /proc/PID/cgroup if the process still is the one that started then. */
  cgroups(pid: number, isIt: (startTicks: bigint) => boolean): string | undefined {
    try {
      const text = readStart(join(this.#root, `${pid}`, 'cgroup'), 4 * TEXT_MAX).toString('utf8')
      const stat = this.stat(pid)
      return typeof stat !== 'string' && isIt(stat.startTicks) ? text : undefined
    } catch {
      return undefined
    }
  }

  #uid(pid: number): number {
    try {
      const line = /^Uid:\s+(\d+)/m.exec(readStart(join(this.#root, `${pid}`, 'status'), TEXT_MAX).toString('utf8'))
      return line ? Number(line[1]) : -1
    } catch {
      return -1
    }
  }

  /** Returns whether access was refused. Kernel threads have no executable. */
  #exe(reading: ProcReading): boolean {
    const link = join(this.#root, `${reading.pid}`, 'exe')
    try {
      const target = readlinkSync(link)
      // Through the link, so that it is the file that runs and not what has its path now.
      const stat = statSync(link, { bigint: true })
      const deleted = stat.nlink === 0n && target.endsWith(DELETED)
      reading.exePath = deleted ? target.slice(0, -DELETED.length) : target
      reading.exeIno = stat.ino
      if (deleted) reading.exeDeleted = true
      if (statfsSync(link).type === OVERLAYFS) reading.exeStacked = true
      return false
    } catch (error) {
      return failure(error) === 'denied'
    }
  }
}
