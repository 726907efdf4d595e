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
