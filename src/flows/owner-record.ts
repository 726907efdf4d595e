// SPDX-License-Identifier: Apache-2.0
// struct fi_owner, decoded.
import { OWNER } from './layout.js'
import { readCString } from './text.js'

/** Who owns a socket, as the kernel knows it (struct fi_owner). (pid, startNs) never names two processes. */
export interface OwnerRecord {
  readonly cgroup: bigint
  readonly startNs: bigint
  readonly exeIno: bigint
  readonly exeDev: number
  readonly pid: number
  readonly ppid: number
  readonly uid: number
  readonly netns: number
  readonly execId: number
  readonly comm: string
  /** enum fi_owner_how. */
  readonly how: number
}

export const readOwner = (data: DataView, at: number): OwnerRecord => ({
  cgroup: data.getBigUint64(at + OWNER.cgroup, true),
  startNs: data.getBigUint64(at + OWNER.start, true),
  exeIno: data.getBigUint64(at + OWNER.exeIno, true),
  exeDev: data.getUint32(at + OWNER.exeDev, true),
  pid: data.getUint32(at + OWNER.pid, true),
  ppid: data.getUint32(at + OWNER.ppid, true),
  uid: data.getUint32(at + OWNER.uid, true),
  netns: data.getUint32(at + OWNER.netns, true),
  execId: data.getUint32(at + OWNER.execId, true),
  comm: readCString(data, at + OWNER.comm, OWNER.commSize),
  how: data.getUint8(at + OWNER.how),
})
