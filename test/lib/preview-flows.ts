// SPDX-License-Identifier: Apache-2.0
// Flows of a web server, a cache and a backup, seen by socket and on the wire: what docs/RULES.md and tests look back at.
import { RECORD, TYPE } from '../../src/flows/layout.js'
import { join, record } from '../unit/support/records.js'

const HOUR = 3_600_000_000_000
/** Monotonic time of the newest record. */
const NOW = 3 * HOUR
const SERVERS = { nginx: 1n, redis: 2n, backup: 3n }
const FLIP = 1
const OPENED = 2

let next = 100n
interface Spec {
  service: keyof typeof SERVERS
  client: string
  port: number
  remotePort: number
  layers: string[]
  ageMs?: number
  packets?: [bigint, bigint]
  bytes?: [bigint, bigint]
  l4?: number
}

/** The server is end 0 of both records. */
const both = ({
  service,
  client,
  port,
  remotePort,
  layers,
  ageMs = 0,
  packets = [4n, 5n],
  bytes = [4000n, 500n],
  l4 = 6,
}: Spec): Uint8Array[] => {
  const seen = {
    local: '192.0.2.10',
    localPort: port,
    remote: client,
    remotePort,
    layers,
    packets,
    bytes,
    l4,
    state: 2,
    flags: FLIP | OPENED,
    now: NOW - ageMs * 1e6,
    first: NOW - ageMs * 1e6,
    last: NOW - ageMs * 1e6,
  }
  const owner = { pid: 40 + Number(SERVERS[service]), comm: service, uid: 33, cgroup: 70n + SERVERS[service], exeIno: SERVERS[service] }
  return [
    record({ ...seen, id: next++, owner }),
    record({ ...seen, id: 2n ** 63n + next++, view: 2, role: 0, ifindex: 2, ingress: [0, 1] }),
  ]
}

const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

/** The record again, as one of another kind. */
const as =
  (type: number) =>
  (each: Uint8Array): Uint8Array => {
    const copy = new Uint8Array(each)
    new DataView(copy.buffer).setUint16(RECORD.type, type, true)
    return copy
  }

/** The verdicts of these flows, as the ring tells them. */
export const verdictsOf = (live: readonly Uint8Array[]): ArrayBuffer => join(...live.map(as(TYPE.verdict)))

export function previewFlows(): { live: Uint8Array[]; ended: Uint8Array[] } {
  next = 100n
  const live = [
    ...range(12, (i) => both({ service: 'nginx', client: `198.51.100.${i + 1}`, port: 443, remotePort: 40_000 + i, layers: ['tls'] })),
    ...range(3, (i) => both({ service: 'nginx', client: `203.0.113.${i + 1}`, port: 80, remotePort: 41_000 + i, layers: ['http1'] })),
    ...range(2, (i) => both({ service: 'nginx', client: `203.0.113.${i + 1}`, port: 443, remotePort: 42_000 + i, layers: ['ssh'] })),
    ...range(4, (i) => both({ service: 'redis', client: `10.0.0.${i + 1}`, port: 6379, remotePort: 43_000 + i, layers: ['redis'] })),
    ...range(1, () =>
      both({ service: 'redis', client: '198.51.100.77', port: 6379, remotePort: 43_100, layers: ['redis'], bytes: [90_000n, 9000n] }),
    ),
  ].flat()
  const end = (spec: Spec) => both(spec).map(as(TYPE.end))
  return {
    live,
    ended: [
      // Two hours ago: not of the last hour.
      ...range(1, () =>
        end({ service: 'backup', client: '198.51.100.99', port: 873, remotePort: 44_100, layers: ['redis'], ageMs: 7_200_000 }),
      ),
      ...range(2, (i) =>
        end({ service: 'backup', client: `198.51.100.${90 + i}`, port: 873, remotePort: 44_000 + i, layers: ['redis'], ageMs: 60_000 }),
      ),
    ].flat(),
  }
}
