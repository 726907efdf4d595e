// SPDX-License-Identifier: Apache-2.0
// Offsets inside the records of bpf/abi.h.

export const RECORD = {
  size: 296,
  type: 0,
  length: 4,
  now: 8,
  addr: [16, 32],
  port: [48, 50],
  zone: 52,
  l4: 56,
  net: 57,
  view: 58,
  role: 60,
  id: 64,
  first: 72,
  last: 80,
  side: [88, 136],
  verdict: 184,
  agg: 208,
  ifindex: 212,
  tunnel: 216,
  vlan: 220,
  state: 222,
  flags: 223,
  owner: 224,
} as const

export const SIDE = {
  packets: 0,
  bytes: 8,
  payloadPackets: 28,
  best: 32,
  offset: 34,
  packet: 36,
  over: 40,
  grade: 42,
  sig: 43,
  flags: 45,
} as const
export const VERDICT = {
  layer: 0,
  layers: 6,
  depth: 12,
  confidence: 13,
  sig: 14,
  end: 15,
  offset: 16,
  packet: 18,
  named: 20,
  conflicts: 21,
  revisions: 22,
} as const
export const OWNER = {
  size: 72,
  cgroup: 0,
  start: 8,
  exeIno: 16,
  exeDev: 24,
  pid: 28,
  ppid: 32,
  uid: 36,
  netns: 40,
  execId: 44,
  comm: 48,
  commSize: 16,
  how: 64,
} as const
export const HEAD = { size: 16, type: 0, length: 4, now: 8 } as const
export const SAMPLE = { at: 296, len: 300, end: 302, whole: 303, data: 304 } as const
export const LISTEN = { size: 136, owner: 64 } as const
export const EXEC = { size: 608, owner: 16, pathLen: 88, argsLen: 92, path: 96, pathSize: 256, args: 352, argsSize: 256 } as const
export const CGROUP = { size: 288, id: 16, removed: 24, pathLen: 28, path: 32, pathSize: 256 } as const
export const LABELS = { id: 16, bytes: 24 } as const
export const AGGREGATE = {
  size: 88,
  cgroup: 0,
  exeIno: 8,
  exeDev: 16,
  uid: 20,
  ifindex: 24,
  protocol: 28,
  l4: 30,
  role: 31,
  view: 32,
  values: 40,
  names: ['opened', 'closed', 'rxPackets', 'rxBytes', 'txPackets', 'txBytes'],
} as const

export const TYPE = { flow: 1, verdict: 2, end: 3, sample: 4, exec: 5, cgroup: 6, listen: 7, labels: 8 } as const
export const FLAG = { flip: 1, opened: 2, evidence: 4, closed: 8, labelled: 16, aggregated: 32, fragment: 64, reset: 128 } as const
export const SIDE_FLAG = { syn: 1, fin: 2, based: 4, settled: 8, gap: 16, overlap: 32, mid: 64 } as const
export const STATE = { pending: 0, watch: 1, done: 2, ended: 3 } as const

/** enum fi_counter, with the comment of each. */
export const COUNTERS: readonly { readonly name: string; readonly index: number; readonly help: string }[] = [
  { name: 'socket_rx', index: 0, help: 'packets seen on their way to a local socket' },
  { name: 'socket_tx', index: 1, help: 'packets seen on their way from a local socket' },
  { name: 'wire_rx', index: 2, help: 'packets seen entering an interface' },
  { name: 'wire_tx', index: 3, help: 'packets seen leaving an interface' },
  { name: 'not_ip', index: 4, help: 'unaccounted: neither IPv4 nor IPv6' },
  { name: 'truncated', index: 5, help: 'unaccounted: a header was cut off' },
  { name: 'malformed', index: 6, help: 'unaccounted: a header contradicts itself' },
  { name: 'too_deep', index: 7, help: 'unaccounted: more nested headers than are followed' },
  { name: 'no_transport', index: 8, help: 'unaccounted: no TCP, UDP or other followed transport' },
  { name: 'fragment_orphan', index: 9, help: 'unaccounted: fragment whose first part was not seen' },
  { name: 'table_full', index: 10, help: 'unaccounted: no room for a new flow' },
  { name: 'no_socket', index: 11, help: 'unaccounted: no full socket attached to the packet' },
  { name: 'pending_full', index: 12, help: 'classification lost: no room to keep the first bytes' },
  { name: 'ring_full', index: 13, help: 'event lost: ring buffer full' },
  { name: 'agg_full', index: 14, help: 'flow not aggregated: no free aggregate' },
  { name: 'owner_missing', index: 15, help: 'flow of a socket whose owner is not known' },
  { name: 'load_failed', index: 16, help: 'classification lost: payload could not be read' },
  { name: 'flow_new', index: 17, help: 'flows created' },
  { name: 'flow_end', index: 18, help: 'flows ended' },
  { name: 'unknown', index: 19, help: 'flows given up as unknown' },
  { name: 'fragment', index: 20, help: 'packets that were IP fragments' },
  { name: 'tunnelled', index: 21, help: 'packets found inside a tunnel' },
]
