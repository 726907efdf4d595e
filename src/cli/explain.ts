// SPDX-License-Identifier: Apache-2.0
import { FlowidentError } from '../errors.js'
import { type CommonOptions, clientOf, type Flow, type Register, withClient } from './command.js'
import { details } from './details.js'
import { bytes, endpoint, type Paint, Printer, printable } from './output.js'
import { flowsOf, readWho } from './who.js'

const isFlowId = (text: string): boolean => /^[swr]-[0-9a-f]{1,16}$/.test(text)

interface Evidence {
  readonly signature?: string
  readonly direction?: string
  readonly offset?: number
  readonly packet?: number
}

function evidenceLines(flow: Flow): string[] {
  const evidence = flow['flowident.evidence'] as Evidence | null | undefined
  const hint = flow['flowident.port_hint']
  const lines: string[] = []
  if (evidence === null || evidence === undefined) lines.push('no signature matched: the protocol is unknown, and no guess is made')
  else {
    lines.push(
      `signature ${evidence.signature} matched bytes that the ${evidence.direction} sent, from byte ${evidence.offset} of packet ${evidence.packet}`,
    )
    if (flow['flowident.confidence'] === 'confirmed') lines.push('the other end answered in the same protocol: confirmed')
    else lines.push('the other end has not confirmed it (yet): probable')
  }
  const name = flow['network.protocol.name']
  if (hint === null || hint === undefined) lines.push('the port is nobody’s usual one: it says nothing')
  else
    lines.push(
      hint === name
        ? `the port is the usual one of ${hint}; that is no evidence`
        : `the port is the usual one of ${hint}; the bytes say otherwise`,
    )
  return lines
}

const ownerKeys = ['process.', 'container.', 'k8s.', 'flowident.unit', 'flowident.cgroup', 'flowident.netns', 'flowident.owner_how']
const serviceKeys = ['service.', 'deployment.', 'flowident.service']
const shownAlready = ['id', 'view', 'role', 'network.', 'source.', 'destination.', 'flowident.']

const pick = (flow: Flow, prefixes: readonly string[], not: readonly string[] = []): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(flow).filter(
      ([key]) => prefixes.some((prefix) => key.startsWith(prefix)) && !not.some((prefix) => key.startsWith(prefix)),
    ),
  )

export function explain(flow: Flow, paint: Paint): string[] {
  const known = [...ownerKeys, ...serviceKeys, ...shownAlready]
  const labels = Object.fromEntries(
    Object.entries(flow).filter(([key]) => !known.some((prefix) => key === prefix || key.startsWith(prefix))),
  )
  const layers = (flow['flowident.layers'] ?? []) as readonly string[]
  const title = (text: string) => paint('bold', text)
  const block = (name: string, object: Readonly<Record<string, unknown>>, nothing: string) => [
    title(name),
    ...(Object.keys(object).length === 0 ? [`  ${nothing}`] : details(object, paint, '  ')),
  ]
  const from = endpoint(flow['source.address'], flow['source.port'])
  const to = endpoint(flow['destination.address'], flow['destination.port'])
  return [
    title(printable(`${flow['id']}  ${flow['network.transport']} ${from} > ${to}`)),
    `  seen in the ${flow['view']} view${flow['role'] ? ` as ${flow['role']}` : ''}, ${flow['flowident.state']}; ` +
      `sent ${bytes(flow['source.bytes'])} in ${flow['source.packets']} packets, received ${bytes(flow['destination.bytes'])} in ${flow['destination.packets']}`,
    title('Protocol'),
    `  ${printable(layers.length === 0 ? 'unknown' : [String(flow['network.transport']), ...layers].join(' > '))} (${flow['flowident.confidence']})`,
    ...evidenceLines(flow).map((line) => `  ${printable(line)}`),
    ...block('Labels', labels, 'none found'),
    ...block('Owner', pick(flow, ownerKeys), 'unknown: no local socket of this flow is known'),
    ...block('Service', pick(flow, serviceKeys), 'unknown'),
  ]
}

export const register: Register = (program, io) => {
  withClient(program.command('explain'))
    .description('say how the protocol, the owner and the service of a flow are known')
    .argument('<words...>', 'id of a flow (first column of `flows`), or endpoints as for `who`')
    .action(async (words: string[], options: CommonOptions) => {
      const printer = new Printer(io)
      const client = clientOf(options, io)
      const [id] = words
      const flows =
        words.length === 1 && id !== undefined && isFlowId(id)
          ? [await client.get<Flow>(`/api/v1/flows/${id}`)]
          : flowsOf(await client.get<Record<string, unknown>>('/api/v1/flows/lookup', readWho(words)))
      if (flows.length === 0) throw new FlowidentError('no-match', `no flow of ${words.join(' ')} is known`)
      if (options.json === true) printer.json(flows)
      else for (const flow of flows) for (const line of explain(flow, printer.paint)) printer.line(line)
    })
}
