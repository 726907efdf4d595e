// SPDX-License-Identifier: Apache-2.0
// Flow records as comparable text: what must be equal in both builds, by tuple.
import { FLOW, HEAD, RECORD, RECORD_TYPE, SIDE, TUPLE, VERDICT } from '../../src/gen/abi.js'

/** Why kernel tests cannot run here, or undefined. */
export const unavailable = (): string | undefined => (process.getuid?.() === 0 ? undefined : 'needs root')

const side = (b: Buffer, at: number): Record<string, unknown> => ({
  packets: b.readBigUInt64LE(at + SIDE.packets),
  bytes: b.readBigUInt64LE(at + SIDE.bytes),
  from: b.readUInt32LE(at + SIDE.from),
  have: b.readUInt32LE(at + SIDE.have),
  payloadPackets: b.readUInt16LE(at + SIDE.payloadPackets),
  best: b.readUInt16LE(at + SIDE.best),
  offset: b.readUInt16LE(at + SIDE.offset),
  packet: b.readUInt16LE(at + SIDE.packet),
  grade: b[at + SIDE.grade],
  sig: b[at + SIDE.sig],
  tries: b[at + SIDE.tries],
  flags: b[at + SIDE.flags],
})

/** Flows in the records, live or ended, by transport and both endpoints. Identity, times and place are left out. */
export function flowStates(records: Buffer): Map<string, string> {
  const out = new Map<string, string>()
  for (let at = 0; at + HEAD.sizeof <= records.length; ) {
    const type = records.readUInt16LE(at + HEAD.type)
    const size = (records.readUInt32LE(at + HEAD.size) + 7) & ~7
    if (type === RECORD_TYPE.FLOW || type === RECORD_TYPE.END) {
      const tuple = records.subarray(at + RECORD.tuple, at + RECORD.tuple + TUPLE.zone)
      const flow = at + RECORD.flow
      const verdict = records.subarray(flow + FLOW.verdict, flow + FLOW.verdict + VERDICT.sizeof)
      const state = {
        verdict: verdict.toString('hex'),
        flags: (records[flow + FLOW.flags] ?? 0) & 0x1b & ~16, // flip, opened, closed
        vlan: records.readUInt16LE(flow + FLOW.vlan),
        tunnel: records.readUInt32LE(flow + FLOW.tunnel),
        ends: [0, 1].map((end) => side(records, flow + FLOW.side + end * SIDE.sizeof)),
      }
      const key = `${records[at + RECORD.tuple + TUPLE.l4]} ${tuple.toString('hex')} ${state.vlan} ${state.tunnel}`
      out.set(
        key,
        JSON.stringify(state, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)),
      )
    }
    at += size
  }
  return out
}

/** What differs, as lines a reader can compare; [] when nothing does. */
export function differences(kernel: ReadonlyMap<string, string>, user: ReadonlyMap<string, string>): string[] {
  const out: string[] = []
  for (const key of new Set([...kernel.keys(), ...user.keys()]))
    if (kernel.get(key) !== user.get(key)) out.push(key, `kernel ${kernel.get(key)}`, `user   ${user.get(key)}`)
  return out
}
