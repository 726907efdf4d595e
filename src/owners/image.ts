// SPDX-License-Identifier: Apache-2.0
// A program that a process runs, and when two sources speak of the same one.

import type { OwnerRecord } from '../flows/owner-record.js'
import type { ProcReading } from './proc-files.js'

export interface Program {
  exePath?: string
  exeFrom?: string
  exeDeleted?: true
  commandLine?: string
  commandFrom?: string
}

export interface Image extends Program {
  /** Unknown when the program was only seen in /proc. */
  execId?: number
  exeIno: bigint
  /** The path is what execve(2) was given: maybe relative, a link, or a script. */
  given?: true
  cut?: true
  tried?: true
}

const TEXT_MAX = 2048

/** Arguments as one line. Bytes stay as they are: whoever shows the text escapes it. */
export const commandLine = (args: string): string => args.replace(/\0+$/, '').replaceAll('\0', ' ').slice(0, TEXT_MAX)

export const pathKey = (owner: OwnerRecord, given: string): string => `${owner.exeDev}:${owner.exeIno}:${given}`

export function runs(image: Image, owner: OwnerRecord): boolean {
  return image.exeIno === owner.exeIno && (image.execId === undefined || image.execId === owner.execId)
}

export function sameFile(reading: ProcReading, owner: OwnerRecord): boolean {
  if (reading.exeIno === undefined) return false
  // On a stacked filesystem the name has to do.
  return reading.exeIno === owner.exeIno || (reading.exeStacked === true && reading.comm === owner.comm)
}

export function fill(image: Image, reading: ProcReading): Image {
  delete image.given
  delete image.cut
  if (reading.exePath !== undefined) {
    image.exePath = reading.exePath
    image.exeFrom = `/proc/${reading.pid}/exe`
  }
  if (reading.exeDeleted) image.exeDeleted = true
  if (reading.args !== undefined) {
    image.commandLine = commandLine(reading.args)
    image.commandFrom = `/proc/${reading.pid}/cmdline`
  }
  return image
}

/** A parent seen in /proc only may have started the same file once more with other arguments: then just the file is sure. */
export function copy(image: Image, from: Image, parent: number): void {
  const sure = from.execId !== undefined
  const why = `parent ${parent}, same ${sure ? 'program' : 'executable'}`
  if (from.exePath !== undefined) {
    image.exePath = from.exePath
    image.exeFrom = why
  }
  if (from.exeDeleted) image.exeDeleted = true
  if (!sure || from.commandLine === undefined || image.commandLine !== undefined) return
  image.commandLine = from.commandLine
  image.commandFrom = why
}
