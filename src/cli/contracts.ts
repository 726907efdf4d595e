// SPDX-License-Identifier: Apache-2.0
// `flowident rules contracts`: how the contracts in force are kept. `flowident learn`: contracts from what services were seen to speak.
import type { Command } from 'commander'
import { FlowidentError } from '../errors.js'
import { ruleName } from '../rules/contract.js'
import { clientOf, type CommonOptions, type Flow, pages, type Register, type Service, whole, withClient } from './command.js'
import type { Client } from './client.js'
import { type Column, type Io, Printer } from './output.js'

interface InForce {
  readonly name: string
  readonly service: string
  readonly speaks: readonly string[]
  readonly action: string
  readonly kept: number
  readonly deviating: number
  readonly dropped: number
}
interface Deviation {
  readonly contract: string
  readonly text: string
  readonly 'flowident.layers': readonly string[]
  readonly seconds_ago: number
  readonly dropped: boolean
}

const contractColumns: readonly Column<InForce>[] = [
  { title: 'CONTRACT', value: ({ name }) => name, max: 40 },
  { title: 'SERVICE', value: ({ service }) => service, max: 40 },
  { title: 'SPEAKS', value: ({ speaks }) => speaks.join(','), max: 40 },
  { title: 'ACTION', value: ({ action }) => action },
  { title: 'KEPT', value: ({ kept }) => kept, right: true },
  { title: 'DEVIATING', value: ({ deviating }) => deviating, right: true },
  { title: 'DROPPED', value: ({ dropped }) => dropped, right: true },
]
const deviationColumns: readonly Column<Deviation>[] = [
  { title: 'CONTRACT', value: ({ contract }) => contract, max: 40 },
  { title: 'SPOKE', value: (each) => each['flowident.layers'].join('>') || 'unknown' },
  { title: 'FLOW', value: ({ text }) => text },
  { title: 'DROPPED', value: ({ dropped }) => (dropped ? 'yes' : 'no') },
]

async function show(io: Io, options: CommonOptions): Promise<void> {
  const printer = new Printer(io)
  const { contracts, deviations } = await clientOf(options, io).get<{ contracts: InForce[]; deviations: Deviation[] }>('/api/v1/contracts')
  if (options.json === true) printer.json([{ contracts, deviations }])
  else if (contracts.length === 0) printer.line('there are no contracts')
  else {
    printer.table(contracts, contractColumns)
    if (deviations.length > 0) {
      printer.line()
      printer.table(deviations, deviationColumns)
    }
  }
}

export function registerContracts(rules: Command, io: Io): void {
  withClient(rules.command('contracts'))
    .description('contracts in force, how many flows kept them, and the last that did not')
    .action((options: CommonOptions) => show(io, options))
}

interface LearnOptions extends CommonOptions {
  readonly minFlows?: number
  readonly action?: string
  readonly service?: string
}

/** What one service was seen to speak to those who connected to it. */
interface Seen {
  readonly units: Set<string>
  readonly flows: Map<string, number>
}

async function seenServices(client: Client): Promise<Map<string, Seen>> {
  const found = new Map<string, Seen>()
  const of = (name: string): Seen => {
    const there = found.get(name) ?? { units: new Set<string>(), flows: new Map<string, number>() }
    found.set(name, there)
    return there
  }
  for await (const page of pages<Flow>(client, '/api/v1/flows', 'flows', { q: 'role:server view:socket -state:pending' }, 1_000_000))
    for (const flow of page) {
      const name = flow['service.name']
      if (typeof name !== 'string') continue
      const { units, flows } = of(name)
      const [unit, protocol] = [flow['flowident.unit'], String(flow['network.protocol.name'])]
      if (typeof unit === 'string') units.add(unit)
      flows.set(protocol, (flows.get(protocol) ?? 0) + 1)
    }
  // The kernel's sums know of flows that are forgotten by now.
  for await (const page of pages<Service>(client, '/api/v1/services', 'services', {}, 100_000))
    for (const { id, name } of page) {
      if (typeof name !== 'string' || name.startsWith('~')) continue
      const { traffic } = await client.get<{ traffic?: readonly Flow[] }>(`/api/v1/services/${encodeURIComponent(String(id))}`)
      for (const { role, view, protocol, flows_opened } of traffic ?? []) {
        if (role !== 'server' || view !== 'socket' || Number(flows_opened) === 0) continue
        const { flows } = of(name)
        flows.set(String(protocol), Math.max(flows.get(String(protocol)) ?? 0, Number(flows_opened)))
      }
    }
  return found
}

const counted = (list: readonly (readonly [string, number])[]): string => list.map(([protocol, flows]) => `${protocol} ${flows}`).join(', ')

/** YAML of one contract, or nothing when none of what was seen is known by name. */
function propose(name: string, { units, flows }: Seen, least: number, action: string): string[] {
  const all = [...flows].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  const speaks = all.filter(([protocol, count]) => protocol !== 'unknown' && count >= least)
  const left = all.filter((each) => !speaks.includes(each))
  if (speaks.length === 0) return []
  const [unit, ...others] = units
  const service = unit !== undefined && others.length === 0 ? unit : name
  const comment = `flows seen: ${counted(speaks)}${left.length === 0 ? '' : `; left out: ${counted(left)}`}`
  return [
    `  - name: ${JSON.stringify(ruleName(service))}`,
    `    service: ${JSON.stringify(service)}`,
    `    speaks: [${speaks
      .map(([protocol]) => protocol)
      .sort()
      .join(', ')}]`,
    `    action: ${action}`,
    `    comment: ${JSON.stringify(comment.slice(0, 500))}`,
  ]
}

async function learn(io: Io, options: LearnOptions): Promise<void> {
  const printer = new Printer(io)
  const action = options.action ?? 'audit'
  if (action !== 'audit' && action !== 'drop')
    throw new FlowidentError('usage', `--action: expected audit or drop, found ${JSON.stringify(action)}`)
  const seen = [...(await seenServices(clientOf(options, io)))].filter(
    ([name]) => options.service === undefined || name === options.service,
  )
  const lines = seen
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => propose(name, each, options.minFlows ?? 1, action))
    .filter((proposal) => proposal.length > 0)
  if (lines.length === 0) throw new FlowidentError('no-match', 'no service was seen to answer in a protocol that is known')
  printer.talk('proposed from what was seen: read it before it drops anything')
  printer.line('contracts:')
  for (const line of lines.flat()) printer.line(line)
}

export const register: Register = (program, io) => {
  withClient(program.command('learn'))
    .description('propose contracts from what services were seen to speak, as YAML that `rules check` takes')
    .option('--service <name>', 'of this service only')
    .option('--min-flows <n>', 'leave out protocols of fewer flows (default: 1)', (text) => whole('--min-flows', text))
    .option('--action <what>', 'audit or drop (default: audit)')
    .action((options: LearnOptions) => learn(io, options))
}
