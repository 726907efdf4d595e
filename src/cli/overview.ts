// SPDX-License-Identifier: Apache-2.0
// The tables of `replay` and `demo`. Memory is bounded by the number of rows shown, not by the number of flows.
import { layersOf } from './command.js'
import { bytes, type Column, endpoint, type Printer } from './output.js'
import type { FlowJson } from '../flows/json.js'

const total = (flow: FlowJson, key: 'bytes' | 'packets'): number => Number(flow[`source.${key}`]) + Number(flow[`destination.${key}`])

/** The fact that tells best what a flow was about. */
const ABOUT: readonly string[] = [
  'rpc.service',
  'http.host',
  'tls.sni',
  'dns.question.name',
  'tunnel.target',
  'db.namespace',
  'db.operation.name',
  'ssh.server.software',
  'websocket.subprotocol',
  'server.version',
]

const about = (flow: FlowJson): string | undefined => {
  const key = ABOUT.find((k) => flow[k] !== undefined)
  if (key === undefined) return undefined
  const value = String(flow[key])
  if (key === 'rpc.service' && flow['rpc.method'] !== undefined) return `${value}/${flow['rpc.method']}`
  if (key === 'http.host') return `${value}${flow['url.path'] ?? ''}`
  if (key === 'dns.question.name' && flow['dns.question.type'] !== undefined) return `${value} ${flow['dns.question.type']}`
  if (key === 'tls.sni' && flow['tls.alpn'] !== undefined) return `${value} (${flow['tls.alpn']})`
  return value
}

const flowColumns: readonly Column<FlowJson>[] = [
  { title: 'TRANSPORT', value: (f) => f['network.transport'] },
  { title: 'SOURCE', value: (f) => endpoint(f['source.address'], f['source.port']) },
  { title: 'DESTINATION', value: (f) => endpoint(f['destination.address'], f['destination.port']) },
  { title: 'PROTOCOL', value: layersOf, max: 28 },
  { title: 'SURE', value: (f) => f['flowident.confidence'] },
  { title: 'SENT', value: (f) => bytes(f['source.bytes']), right: true },
  { title: 'RECEIVED', value: (f) => bytes(f['destination.bytes']), right: true },
  { title: 'ABOUT', value: about, max: 48 },
]

interface ProtocolRow {
  readonly stack: string
  flows: number
  confirmed: number
  packets: number
  bytes: number
  readonly ports: Map<number, number>
}

/** Stacks are few, but a hostile capture could try: the rest goes into one row. */
const STACKS = 200
const PORTS = 32
const OTHER = '~other'

const protocolColumns: readonly Column<ProtocolRow>[] = [
  { title: 'PROTOCOL', value: (r) => r.stack },
  { title: 'FLOWS', value: (r) => r.flows, right: true },
  { title: 'CONFIRMED', value: (r) => r.confirmed, right: true },
  { title: 'PACKETS', value: (r) => r.packets, right: true },
  { title: 'BYTES', value: (r) => bytes(r.bytes), right: true },
  {
    title: 'PORTS',
    value: (r) =>
      [...r.ports]
        .sort((a, b) => b[1] - a[1])
        .slice(0, 5)
        .map(([port]) => port)
        .join(' '),
  },
]

export class Overview {
  readonly #limit: number
  readonly #stacks = new Map<string, ProtocolRow>()
  #largest: FlowJson[] = []
  #flows = 0

  /** limit: how many flows are shown, largest first. */
  constructor(limit: number) {
    this.#limit = limit
  }

  add(flow: FlowJson): void {
    this.#flows++
    const name = layersOf(flow)
    const stack = this.#stacks.has(name) || this.#stacks.size < STACKS ? name : OTHER
    const row = this.#stacks.get(stack) ?? { stack, flows: 0, confirmed: 0, packets: 0, bytes: 0, ports: new Map<number, number>() }
    this.#stacks.set(stack, row)
    row.flows++
    if (flow['flowident.confidence'] === 'confirmed') row.confirmed++
    row.packets += total(flow, 'packets')
    row.bytes += total(flow, 'bytes')
    const port = Number(flow['destination.port'])
    if (port > 0 && (row.ports.has(port) || row.ports.size < PORTS)) row.ports.set(port, (row.ports.get(port) ?? 0) + 1)
    this.#largest.push(flow)
    if (this.#largest.length >= 2 * this.#limit + 1000) this.#prune()
  }

  print(printer: Printer): void {
    this.#prune()
    if (this.#flows === 0) {
      printer.talk('no flows in it')
      return
    }
    printer.table(this.#largest, flowColumns)
    if (this.#flows > this.#largest.length)
      printer.line(printer.paint('dim', `the ${this.#largest.length} largest of ${this.#flows} flows`))
    printer.line()
    printer.table(
      [...this.#stacks.values()].sort((a, b) => b.bytes - a.bytes),
      protocolColumns,
    )
  }

  #prune(): void {
    this.#largest.sort((a, b) => total(b, 'bytes') - total(a, 'bytes'))
    this.#largest.length = Math.min(this.#largest.length, this.#limit)
  }
}
