// SPDX-License-Identifier: Apache-2.0
// The tables of `replay` and `demo`. Memory is bounded by the number of rows shown, not by the number of flows.
import { layersOf } from './command.js'
import { bytes, type Column, endpoint, type Printer } from './output.js'
import { type FlowJson, flowLayers, flowToJson } from '../flows/json.js'
import { protocolName } from '../flows/protocols.js'
import type { RecordView } from '../flows/record-view.js'

const octets = (flow: FlowJson): number => Number(flow['source.bytes']) + Number(flow['destination.bytes'])

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

/** The stack as `layersOf` tells it, straight from a record. */
const stackOf = (view: RecordView): string => flowLayers(view).join('>') || protocolName(view.protocol)

export class Overview {
  readonly #limit: number
  readonly #stacks = new Map<string, ProtocolRow>()
  #largest: FlowJson[] = []
  /** A flow of no more bytes than this would not be shown: as many larger ones are kept already. */
  #floor = -1
  #flows = 0

  /** limit: how many flows are shown, largest first. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Most flows of a large capture are only counted: an object is made of those that may be shown. */
  add(view: RecordView, labels: ReadonlyMap<string, string> | undefined, capture: string): void {
    this.#flows++
    const { source, destination } = view
    const size = view.bytesNear(source) + view.bytesNear(destination)
    const row = this.#row(stackOf(view))
    row.flows++
    if (view.confidence === 'confirmed') row.confirmed++
    row.packets += view.packetsNear(source) + view.packetsNear(destination)
    row.bytes += size
    const port = view.port(destination)
    const seen = row.ports.get(port)
    if (port > 0 && (seen !== undefined || row.ports.size < PORTS)) row.ports.set(port, (seen ?? 0) + 1)
    if (size <= this.#floor) return
    this.#largest.push(flowToJson(view, labels, { epochMs: 0, lead: { capture } }))
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

  #row(name: string): ProtocolRow {
    const stack = this.#stacks.has(name) || this.#stacks.size < STACKS ? name : OTHER
    let row = this.#stacks.get(stack)
    if (!row) {
      row = { stack, flows: 0, confirmed: 0, packets: 0, bytes: 0, ports: new Map() }
      this.#stacks.set(stack, row)
    }
    return row
  }

  #prune(): void {
    this.#largest.sort((a, b) => octets(b) - octets(a))
    this.#largest.length = Math.min(this.#largest.length, this.#limit)
    const last = this.#largest.at(-1)
    if (this.#largest.length === this.#limit) this.#floor = last === undefined ? Number.POSITIVE_INFINITY : octets(last)
  }
}
