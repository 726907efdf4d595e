// SPDX-License-Identifier: Apache-2.0
// Answers of the API, as JSON Schema. A flow has more keys than these: the labels found in its payload.
import Type from 'typebox'
import type { FlowJson } from '../flows/json.js'
import { LABELS } from '../gen/protocols.js'
import { Problem } from './problem.js'

const Counter = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  description: '64-bit counter: a number up to 2^53 - 1, a string of digits above',
})
const text = (description: string) => Type.Optional(Type.String({ description }))
const number = (description: string) => Type.Optional(Type.Integer({ description }))

const flowSchema = Type.Object(
  {
    id: Type.String({ description: 'view letter and number; unique until the host reboots' }),
    view: Type.String({ description: 'socket, wire or replay; counters of two views are never added up' }),
    role: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'part of the local socket: client or server' }),
    'network.transport': Type.String(),
    'network.type': Type.String({ description: 'ipv4 or ipv6' }),
    'source.address': Type.String({ description: 'who opened the flow' }),
    'source.port': Type.Integer(),
    'destination.address': Type.String(),
    'destination.port': Type.Integer(),
    'network.protocol.name': Type.String({ description: 'what the listening service speaks; unknown when that is not known' }),
    'flowident.layers': Type.Array(Type.String(), { description: 'protocols from the outside in' }),
    'flowident.confidence': Type.String({ description: 'confirmed, probable or unknown' }),
    'flowident.port_hint': Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'what the port alone would suggest' }),
    'flowident.evidence': Type.Unsafe<object | null>({
      type: ['object', 'null'],
      description: 'which signature matched which bytes',
      properties: {
        signature: { type: 'string' },
        direction: { type: 'string' },
        offset: { type: 'integer' },
        packet: { type: 'integer' },
      },
    }),
    'source.packets': Counter,
    'source.bytes': Counter,
    'destination.packets': Counter,
    'destination.bytes': Counter,
    'flowident.state': Type.String({ description: 'pending, watching, done or ended' }),
    'flowident.start': Type.String({ format: 'date-time' }),
    'flowident.last_seen': Type.String({ format: 'date-time' }),
    'flowident.end': Type.Optional(Type.String({ format: 'date-time' })),
    'network.interface.name': text('wire view'),
    'network.vlan.id': number('innermost VLAN'),
    'flowident.tunnel.id': number('VNI, GRE key or TEID of the innermost tunnel'),
    'process.pid': number('in the initial pid namespace'),
    'process.executable.name': text('command name, as the process has set it'),
    'process.executable.path': text('path of the executable'),
    'process.command_line': text('arguments'),
    'process.owner': text('user'),
    'container.id': text('container'),
    'k8s.pod.uid': text('pod'),
    'flowident.unit': text('systemd unit'),
    'flowident.cgroup': text('path from the root of the hierarchy'),
    'flowident.netns': number('inode number of the network namespace'),
    'flowident.owner_how': text('used, created or found'),
    'service.name': text('service'),
    'service.version': text('service'),
    'deployment.environment': text('service'),
    'flowident.service': text('stable id of the service'),
    ...Object.fromEntries(LABELS.map(({ key, help }) => [key, text(help)])),
  },
  { additionalProperties: true },
)

export const Flow = Type.Unsafe<FlowJson>(flowSchema)

const Text = Type.Union([Type.String(), Type.Null()])
/** Profile of src/services/profile.ts; of the newest process. */
export const ServiceProfile = Type.Union([
  Type.Null({ description: 'nobody is known to be behind it' }),
  Type.Object({
    pid: Type.Integer(),
    executable: Text,
    command_line: Text,
    user: Type.String(),
    unit: Text,
    container: Type.Union([Type.Object({ id: Type.String(), runtime: Type.String(), created: Text }), Type.Null()]),
    pod: Text,
    network_namespace: Text,
    package: Type.Union([Type.Object({ name: Type.String(), version: Type.String() }), Type.Null()]),
    configuration: Type.Union([
      Type.Object({
        sha256: Type.String({ description: 'over all files with their names and lengths' }),
        md5: Type.String(),
        files: Type.Array(Type.Object({ path: Type.String(), bytes: Type.Integer() })),
      }),
      Type.Null(),
    ]),
    posture: Type.Union([
      Type.Object({
        uid: Type.Integer({ description: 'effective' }),
        seccomp: Type.String({ description: 'off, strict or filter' }),
        no_new_privileges: Type.Boolean(),
        capabilities: Type.Array(Type.String(), { description: 'effective ones' }),
        host_namespaces: Type.Array(Type.String(), { description: 'shared with process 1' }),
        listening: Type.Array(Type.Object({ transport: Type.String(), address: Type.String(), port: Type.Integer() })),
        findings: Type.Array(Type.Object({ id: Type.String(), text: Type.String() })),
      }),
      Type.Null({ description: 'the process is gone' }),
    ]),
    reasons: Type.Array(Type.Object({ field: Type.String(), value: Type.String(), from: Type.String() }), {
      description: 'each fact of the owner, and where it is from',
    }),
  }),
])

export const Service = Type.Object({
  id: Type.String({ description: 'stable over restarts' }),
  name: Type.String(),
  version: Type.Optional(Type.String()),
  environment: Type.Optional(Type.String()),
  kind: Type.String(),
  reason: Type.String({ description: 'where the name is from' }),
  protocols: Type.Array(Type.String()),
  flows_active: Type.Integer(),
  flows_opened: Counter,
  bytes_received: Counter,
  bytes_sent: Counter,
  packets_received: Counter,
  packets_sent: Counter,
})

export const Traffic = Type.Object({
  protocol: Type.String(),
  transport: Type.String(),
  role: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
  view: Type.String(),
  flows_active: Type.Integer(),
  flows_opened: Counter,
  bytes_received: Counter,
  bytes_sent: Counter,
  packets_received: Counter,
  packets_sent: Counter,
})

export const Next = Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'cursor of the next page; null on the last one' })

export const problems = { '4xx': Problem, '5xx': Problem }

/** A 64-bit value as JSON has it. */
export const exact = (value: bigint): number | string => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString())
