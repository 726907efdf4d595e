// SPDX-License-Identifier: Apache-2.0
// Walks the records of a batch. Flows and labels are read in place by views, which are moved over the buffer instead of making
// an object per record; what is rare (exec, cgroup, listen) is decoded into objects. Together with record-view, packed-labels,
// owner-record and aggregate-view the only code that reads bytes, all of it through layout.
import { addressText } from './address.js'
import { viewOf } from './buffers.js'
import { type DropRecord, readDrop } from './drop-record.js'
import { CGROUP, DROP, EXEC, HEAD, LABELS, LISTEN, RECORD, SAMPLE, TYPE } from './layout.js'
import { transportName } from './names.js'
import { type OwnerRecord, readOwner } from './owner-record.js'
import { LabelsView } from './packed-labels.js'
import type { End, RecordView } from './record-view.js'
import { readText } from './text.js'

export type { DropRecord } from './drop-record.js'
export type { OwnerRecord } from './owner-record.js'

export interface ExecRecord {
  readonly nowNs: bigint
  readonly owner: OwnerRecord
  readonly path: string
  /** Separated by zero bytes; cut at the kernel's limit. */
  readonly args: string
}
export interface CgroupRecord {
  readonly nowNs: bigint
  readonly id: bigint
  readonly removed: boolean
  readonly path: string
}
export interface ListenRecord {
  readonly nowNs: bigint
  readonly transport: string
  readonly address: string
  readonly port: number
  readonly owner: OwnerRecord
}
export interface SampleRecord {
  readonly id: bigint
  readonly end: End
  readonly at: number
  readonly whole: boolean
  readonly data: Uint8Array
}

/** What readBatch calls for each record. Views are only valid during the call. */
export interface RecordHandler {
  flow(view: RecordView): void
  labels(view: LabelsView): void
  exec(record: ExecRecord): void
  cgroup(record: CgroupRecord): void
  listen(record: ListenRecord): void
  sample(record: SampleRecord, view: RecordView): void
  drop?(record: DropRecord): void
}

const readExec = (data: DataView, at: number): ExecRecord => {
  const pathLen = Math.min(data.getUint32(at + EXEC.pathLen, true), EXEC.pathSize)
  const argsLen = Math.min(data.getUint32(at + EXEC.argsLen, true), EXEC.argsSize)
  return {
    nowNs: data.getBigUint64(at + HEAD.now, true),
    owner: readOwner(data, at + EXEC.owner),
    path: readText(data, at + EXEC.path, pathLen),
    args: readText(data, at + EXEC.args, argsLen),
  }
}

const readCgroup = (data: DataView, at: number): CgroupRecord => ({
  nowNs: data.getBigUint64(at + HEAD.now, true),
  id: data.getBigUint64(at + CGROUP.id, true),
  removed: data.getUint8(at + CGROUP.removed) !== 0,
  path: readText(data, at + CGROUP.path, Math.min(data.getUint32(at + CGROUP.pathLen, true), CGROUP.pathSize)),
})

const readListen = (data: DataView, at: number): ListenRecord => ({
  nowNs: data.getBigUint64(at + HEAD.now, true),
  transport: transportName(data.getUint8(at + RECORD.l4)),
  address: addressText(data, at + RECORD.addr[0], data.getUint8(at + RECORD.net)),
  port: data.getUint16(at + RECORD.port[0], false),
  owner: readOwner(data, at + LISTEN.owner),
})

/** Smallest size of each record type; a record that claims less is skipped. */
const LEAST: Readonly<Record<number, number>> = {
  [TYPE.flow]: RECORD.size,
  [TYPE.verdict]: RECORD.size,
  [TYPE.end]: RECORD.size,
  [TYPE.sample]: SAMPLE.data,
  [TYPE.exec]: EXEC.size,
  [TYPE.cgroup]: CGROUP.size,
  [TYPE.listen]: LISTEN.size,
  [TYPE.labels]: LABELS.bytes,
  [TYPE.drop]: DROP.sizeof,
}

/**
 * Walks the records of a batch. `limit` records at most; gives back where it stopped, so that a big dump can be taken
 * in pieces. Unknown types are stepped over; a size that cannot be ends the walk.
 */
export const readBatch = (
  buffer: ArrayBufferLike,
  from: number,
  to: number,
  handler: RecordHandler,
  view: RecordView,
  limit = Infinity,
): number => {
  const data = viewOf(buffer)
  let at = from
  for (let n = 0; n < limit && at + HEAD.size <= to; n++) {
    const size = data.getUint32(at + HEAD.length, true)
    const type = data.getUint16(at + HEAD.type, true)
    if (size < HEAD.size || at + size > to) return to
    if (size >= (LEAST[type] ?? Infinity)) readOne(data, at, size, type, handler, view)
    at += (size + 7) & ~7
  }
  return Math.min(at, to)
}

const labelsView = new LabelsView()

const readOne = (data: DataView, at: number, size: number, type: number, handler: RecordHandler, view: RecordView): void => {
  if (type === TYPE.flow || type === TYPE.verdict || type === TYPE.end) handler.flow(view.set(data, at))
  else if (type === TYPE.exec) handler.exec(readExec(data, at))
  else if (type === TYPE.cgroup) handler.cgroup(readCgroup(data, at))
  else if (type === TYPE.drop) handler.drop?.(readDrop(data, at))
  else if (type === TYPE.listen) handler.listen(readListen(data, at))
  else if (type === TYPE.labels) handler.labels(labelsView.set(data, at, size))
  else if (type === TYPE.sample) {
    const length = Math.min(data.getUint16(at + SAMPLE.len, true), size - SAMPLE.data)
    const bytes = new Uint8Array(data.buffer, data.byteOffset + at + SAMPLE.data, length)
    view.set(data, at)
    const end: End = data.getUint8(at + SAMPLE.end) ? 1 : 0
    handler.sample(
      {
        id: data.getBigUint64(at + RECORD.id, true),
        end,
        at: data.getUint32(at + SAMPLE.at, true),
        whole: data.getUint8(at + SAMPLE.whole) !== 0,
        data: bytes,
      },
      view,
    )
  }
}
