// SPDX-License-Identifier: Apache-2.0
// Flow records as comparable bytes: what must be equal in both builds, by tuple.
import { ABI } from '../../src/gen/abi.js'

/** Why kernel tests cannot run here, or undefined. */
export const root = (): string | undefined => (process.getuid?.() === 0 ? undefined : ' (skipped: needs root)')

/** Records of flows (live or ended) by tuple, with what legitimately differs blanked: identity, times, place. */
export function flowStates(records: Buffer): Map<string, Buffer> {
  const out = new Map<string, Buffer>()
  for (let at = 0; at + ABI.fi_head.size <= records.length; ) {
    const type = records.readUInt16LE(at + ABI.fi_head.type)
    const size = records.readUInt32LE(at + ABI.fi_head.length)
    if (type === ABI.recordType.FLOW || type === ABI.recordType.END) {
      const record = Buffer.from(records.subarray(at, at + size))
      const tuple = record.subarray(ABI.fi_record.tuple, ABI.fi_record.tuple + 36)
      const flow = record.subarray(ABI.fi_record.flow, ABI.fi_record.flow + ABI.fi_flow.size)
      for (const [from, length] of ABI.blank) flow.fill(0, from, from + length)
      out.set(`${tuple.toString('hex')}-${record[ABI.fi_record.tuple + 40]}`, flow)
    }
    at += size
  }
  return out
}
