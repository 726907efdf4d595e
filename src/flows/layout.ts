// SPDX-License-Identifier: Apache-2.0
// Where things are in the records: the structs of bpf/abi.h (src/gen/abi.ts), nested members added up.
import * as abi from '../gen/abi.js'

const { TUPLE, FLOW } = abi
const [tuple, flow] = [abi.RECORD.tuple, abi.RECORD.flow]
const both = (at: number, stride: number) => [at, at + stride] as const

export const HEAD = { size: abi.HEAD.sizeof, type: abi.HEAD.type, length: abi.HEAD.size, now: abi.HEAD.nowNs } as const

/** struct fi_record; what has two ends is indexed by the tuple's end. */
export const RECORD = {
  size: abi.RECORD.sizeof,
  type: HEAD.type,
  length: HEAD.length,
  now: HEAD.now,
  tuple,
  addr: both(tuple + TUPLE.addr, TUPLE.addrStride),
  port: both(tuple + TUPLE.portBe, TUPLE.portBeStride),
  zone: tuple + TUPLE.zone,
  l4: tuple + TUPLE.l4,
  net: tuple + TUPLE.net,
  view: tuple + TUPLE.view,
  role: abi.RECORD.role,
  id: flow + FLOW.id,
  first: flow + FLOW.firstNs,
  last: flow + FLOW.lastNs,
  side: both(flow + FLOW.side, FLOW.sideStride),
  verdict: flow + FLOW.verdict,
  ifindex: flow + FLOW.ifindex,
  tunnel: flow + FLOW.tunnel,
  vlan: flow + FLOW.vlan,
  state: flow + FLOW.state,
  flags: flow + FLOW.flags,
  owner: abi.RECORD.owner,
} as const

export const { SIDE } = abi
export const VERDICT = { ...abi.VERDICT, layers: abi.FI_LAYERS } as const
export const OWNER = { ...abi.OWNER, size: abi.OWNER.sizeof, start: abi.OWNER.startNs, commSize: abi.FI_COMM } as const
export const SAMPLE = abi.SAMPLE
export const { DROP } = abi
export const LISTEN = { size: abi.LISTEN.sizeof, tuple: abi.LISTEN.tuple, owner: abi.LISTEN.owner } as const
export const EXEC = { ...abi.EXEC, size: abi.EXEC.sizeof, pathSize: abi.FI_PATH, argsSize: abi.FI_ARGS } as const
export const CGROUP = { ...abi.CGROUP, size: abi.CGROUP.sizeof, pathSize: abi.FI_PATH } as const
/** User space only: a head, the flow's id, and labels packed as in struct fi_labels. */
export const LABELS = { id: HEAD.size, bytes: HEAD.size + 8 } as const

/** What kernel.aggregates() gives: key, then the counters. */
export const AGGREGATE = { ...abi.AGG_KEY, size: abi.AGG_KEY.sizeof + abi.AGG.sizeof, values: abi.AGG_KEY.sizeof } as const
/** Number of each counter behind AGGREGATE.values. */
export const AGGREGATE_COUNTER = {
  opened: abi.AGG.opened / 8,
  closed: abi.AGG.closed / 8,
  rxPackets: abi.AGG.rxPackets / 8,
  rxBytes: abi.AGG.rxBytes / 8,
  txPackets: abi.AGG.txPackets / 8,
  txBytes: abi.AGG.txBytes / 8,
} as const

/** What kernel.connections() gives: key, then struct fi_conn. Members are numbers of 64-bit words behind the key. */
export const CONNECTION = {
  size: abi.AGG_KEY.sizeof + abi.CONN.sizeof,
  values: abi.AGG_KEY.sizeof,
  words: abi.CONN.sizeof / 8,
  errors: abi.CONN.errors / 8,
  retransmits: abi.CONN.retransmits / 8,
  /** A sum in microseconds and the buckets behind it. */
  rtt: abi.CONN.rtt / 8,
  setup: abi.CONN.setup / 8,
} as const
/** Names of the errors, by number. */
export const CONNECTION_ERRORS: readonly string[] = Object.entries(abi.CONN_ERROR)
  .filter(([name]) => name !== 'MAX')
  .map(([name]) => name.toLowerCase())
/** Upper bounds of the buckets but the last, microseconds. */
export const CONNECTION_BOUNDS_US: readonly number[] = Object.values(abi.CONN_BOUND)

export const TYPE = {
  flow: abi.RECORD_TYPE.FLOW,
  verdict: abi.RECORD_TYPE.VERDICT,
  end: abi.RECORD_TYPE.END,
  sample: abi.RECORD_TYPE.SAMPLE,
  exec: abi.RECORD_TYPE.EXEC,
  cgroup: abi.RECORD_TYPE.CGROUP,
  listen: abi.RECORD_TYPE.LISTEN,
  labels: abi.RECORD_TYPE.LABELS,
  drop: abi.RECORD_TYPE.DROP,
} as const
export const FLAG = {
  flip: abi.FLOW_FLAG.FLIP,
  opened: abi.FLOW_FLAG.OPENED,
  evidence: abi.FLOW_FLAG.EVIDENCE,
  closed: abi.FLOW_FLAG.CLOSED,
} as const
export const SIDE_FLAG = { gap: abi.SIDE_FLAG.GAP, overlap: abi.SIDE_FLAG.OVERLAP, mid: abi.SIDE_FLAG.MID } as const
export const STATE = { ended: abi.STATE.ENDED } as const
