// SPDX-License-Identifier: Apache-2.0
// Records as the kernel part writes them, for tests: what a recording would hold, made to measure.
import { addressBytes } from '../../../src/flows/address.js'
import { AGGREGATE, EXEC, LABELS, OWNER, RECORD, SIDE, TYPE, VERDICT } from '../../../src/flows/layout.js'
import { RecordView } from '../../../src/flows/record-view.js'
import { LABELS as LABEL_TABLE, protocolByName } from '../../../src/gen/protocols.js'

export interface OwnerSpec {
  pid?: number
  comm?: string
  uid?: number
  cgroup?: bigint
  exeIno?: bigint
  how?: number
  startNs?: bigint
}

export interface FlowSpec {
  type?: number
  id?: bigint
  now?: number
  first?: number
  last?: number
  local?: string
  localPort?: number
  remote?: string
  remotePort?: number
  l4?: number
  view?: number
  role?: number
  flags?: number
  state?: number
  ifindex?: number
  layers?: string[]
  named?: number
  confidence?: number
  sig?: number
  end?: number
  offset?: number
  packet?: number
  bytes?: [bigint, bigint]
  packets?: [bigint, bigint]
  payload?: [number, number]
  ingress?: [number, number]
  owner?: OwnerSpec
}

/** Id of a protocol, also of one that no signature file has yet. */
export const protocolId = (name: string): number => protocolByName(name)?.id ?? 999

const putOwner = (data: DataView, at: number, owner: OwnerSpec): void => {
  data.setBigUint64(at + OWNER.cgroup, owner.cgroup ?? 77n, true)
  data.setBigUint64(at + OWNER.start, owner.startNs ?? 5n, true)
  data.setBigUint64(at + OWNER.exeIno, owner.exeIno ?? 11n, true)
  data.setUint32(at + OWNER.exeDev, 1, true)
  data.setUint32(at + OWNER.pid, owner.pid ?? 100, true)
  data.setUint32(at + OWNER.uid, owner.uid ?? 0, true)
  const comm = Buffer.from(owner.comm ?? 'server', 'latin1').subarray(0, OWNER.commSize - 1)
  for (const [i, byte] of comm.entries()) data.setUint8(at + OWNER.comm + i, byte)
  data.setUint8(at + OWNER.how, owner.how ?? 3)
}

export const record = (spec: FlowSpec = {}): Uint8Array => {
  const bytes = new Uint8Array(RECORD.size)
  const data = new DataView(bytes.buffer)
  const now = spec.now ?? 1_000_000_000
  data.setUint16(RECORD.type, spec.type ?? TYPE.flow, true)
  data.setUint32(RECORD.length, RECORD.size, true)
  data.setBigUint64(RECORD.now, BigInt(now), true)
  const local = spec.local ?? '10.0.0.1'
  bytes.set(addressBytes(local)!, RECORD.addr[0])
  bytes.set(addressBytes(spec.remote ?? '10.0.0.2')!, RECORD.addr[1])
  data.setUint16(RECORD.port[0], spec.localPort ?? 443)
  data.setUint16(RECORD.port[1], spec.remotePort ?? 50000)
  data.setUint8(RECORD.l4, spec.l4 ?? 6)
  data.setUint8(RECORD.net, local.includes(':') ? 6 : 4)
  data.setUint8(RECORD.view, spec.view ?? 1)
  data.setUint8(RECORD.role, spec.role ?? 2)
  data.setBigUint64(RECORD.id, spec.id ?? 1n, true)
  data.setBigUint64(RECORD.first, BigInt(spec.first ?? now), true)
  data.setBigUint64(RECORD.last, BigInt(spec.last ?? now), true)
  for (const end of [0, 1] as const) {
    data.setBigUint64(RECORD.side[end] + SIDE.packets, spec.packets?.[end] ?? 3n, true)
    data.setBigUint64(RECORD.side[end] + SIDE.bytes, spec.bytes?.[end] ?? 300n, true)
    data.setUint16(RECORD.side[end] + SIDE.payloadPackets, spec.payload?.[end] ?? 1, true)
    data.setUint8(RECORD.side[end] + SIDE.ingress, spec.ingress?.[end] ?? 0)
  }
  const layers = spec.layers ?? []
  for (const [i, name] of layers.entries()) data.setUint16(RECORD.verdict + VERDICT.layer + 2 * i, protocolId(name), true)
  data.setUint8(RECORD.verdict + VERDICT.depth, layers.length)
  data.setUint8(RECORD.verdict + VERDICT.confidence, spec.confidence ?? (layers.length ? 2 : 0))
  data.setUint8(RECORD.verdict + VERDICT.sig, spec.sig ?? 1)
  data.setUint8(RECORD.verdict + VERDICT.end, spec.end ?? 0)
  data.setUint16(RECORD.verdict + VERDICT.offset, spec.offset ?? 0, true)
  data.setUint16(RECORD.verdict + VERDICT.packet, spec.packet ?? 1, true)
  data.setUint8(RECORD.verdict + VERDICT.named, spec.named ?? Math.max(0, layers.length - 1))
  data.setUint32(RECORD.ifindex, spec.ifindex ?? 0, true)
  data.setUint8(RECORD.state, spec.state ?? 1)
  data.setUint8(RECORD.flags, spec.flags ?? 3)
  if (spec.owner) putOwner(data, RECORD.owner, spec.owner)
  return bytes
}

export const viewOfRecord = (spec: FlowSpec = {}): RecordView => new RecordView(new DataView(record(spec).buffer))

/** Text as latin1, so that a test can give any byte. */
export const labelsRecord = (id: bigint, labels: Readonly<Record<string, string>>): Uint8Array => {
  const parts = Object.entries(labels).map(([key, value]) => {
    const text = Buffer.from(value, 'latin1')
    const head = Buffer.alloc(4)
    head.writeUInt16LE(LABEL_TABLE.find((label) => label.key === key)!.id)
    head.writeUInt16LE(text.length, 2)
    return Buffer.concat([head, text])
  })
  const packed = Buffer.concat(parts)
  const size = (LABELS.bytes + packed.length + 7) & ~7
  const bytes = Buffer.alloc(size)
  bytes.writeUInt16LE(TYPE.labels)
  bytes.writeUInt32LE(size, 4)
  bytes.writeBigUInt64LE(id, LABELS.id)
  packed.copy(bytes, LABELS.bytes)
  return new Uint8Array(bytes)
}

export const execRecord = (owner: OwnerSpec, path: string, args: string): Uint8Array => {
  const bytes = new Uint8Array(EXEC.size)
  const data = new DataView(bytes.buffer)
  data.setUint16(0, TYPE.exec, true)
  data.setUint32(4, EXEC.size, true)
  putOwner(data, EXEC.owner, owner)
  data.setUint32(EXEC.pathLen, path.length, true)
  data.setUint32(EXEC.argsLen, args.length, true)
  bytes.set(Buffer.from(path), EXEC.path)
  bytes.set(Buffer.from(args), EXEC.args)
  return bytes
}

export interface AggregateSpec {
  cgroup?: bigint
  exeIno?: bigint
  uid?: number
  protocol?: string
  l4?: number
  role?: number
  view?: number
  /** opened, closed, rx packets, rx bytes, tx packets, tx bytes */
  values: readonly [bigint, bigint, bigint, bigint, bigint, bigint]
}

export const aggregates = (specs: readonly AggregateSpec[]): ArrayBuffer => {
  const buffer = new ArrayBuffer(specs.length * AGGREGATE.size)
  const data = new DataView(buffer)
  specs.forEach((spec, i) => {
    const at = i * AGGREGATE.size
    data.setBigUint64(at + AGGREGATE.cgroup, spec.cgroup ?? 77n, true)
    data.setBigUint64(at + AGGREGATE.exeIno, spec.exeIno ?? 11n, true)
    data.setUint32(at + AGGREGATE.exeDev, 1, true)
    data.setUint32(at + AGGREGATE.uid, spec.uid ?? 0, true)
    data.setUint16(at + AGGREGATE.protocol, spec.protocol === undefined ? 0 : protocolId(spec.protocol), true)
    data.setUint8(at + AGGREGATE.l4, spec.l4 ?? 6)
    data.setUint8(at + AGGREGATE.role, spec.role ?? 2)
    data.setUint8(at + AGGREGATE.view, spec.view ?? 1)
    for (const [k, value] of spec.values.entries()) data.setBigUint64(at + AGGREGATE.values + 8 * k, value, true)
  })
  return buffer
}

export const join = (...records: readonly Uint8Array[]): ArrayBuffer => {
  const all = new Uint8Array(records.reduce((n, r) => n + r.length, 0))
  let at = 0
  for (const each of records) {
    all.set(each, at)
    at += each.length
  }
  return all.buffer
}
