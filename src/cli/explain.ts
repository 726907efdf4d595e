// SPDX-License-Identifier: Apache-2.0
import { FlowidentError } from '../errors.js'
import { type CommonOptions, clientOf, type Flow, type Register, withClient } from './command.js'
import { details } from './details.js'
import { bytes, endpoint, type Paint, Printer, printable } from './output.js'
import { flowsOf, readWho } from './who.js'

const isFlowId = (text: string): boolean => /^[swr]-[0-9a-f]{1,16}$/.test(text)

/** What the daemon says of a flow, in sentences. */
export interface Explanation {
  readonly id: string
  readonly protocol: readonly string[]
  readonly owner: readonly string[]
  readonly service: readonly string[]
}

/** Everything that is not a label found in the payload. */
const notLabels = /^(id|view|role)$|^(network|source|destination|flowident|process|container|k8s|service|deployment)\./

export function explain(flow: Flow, { protocol, owner, service }: Explanation, paint: Paint): string[] {
  const labels = Object.fromEntries(Object.entries(flow).filter(([key]) => !notLabels.test(key)))
  const from = endpoint(flow['source.address'], flow['source.port'])
  const to = endpoint(flow['destination.address'], flow['destination.port'])
  const layers = (flow['flowident.layers'] ?? []) as readonly string[]
  const stack = [String(flow['network.transport']), ...(layers.length === 0 ? ['unknown'] : layers)].join(' > ')
  const block = (title: string, lines: readonly string[]) => [paint('bold', title), ...lines.map((line) => `  ${printable(line)}`)]
  return [
    paint('bold', printable(`${flow['id']}  ${from} > ${to}  ${stack}  (${flow['flowident.confidence']})`)),
    `  ${printable(
      `seen in the ${flow['view']} view${flow['role'] ? ` as ${flow['role']}` : ''}, ${flow['flowident.state']}; ` +
        `sent ${bytes(flow['source.bytes'])} in ${flow['source.packets']} packets, received ${bytes(flow['destination.bytes'])} in ${flow['destination.packets']}`,
    )}`,
    ...block('Protocol', protocol),
    ...block('Owner', owner),
    ...block('Service', service),
    paint('bold', 'Labels'),
    ...(Object.keys(labels).length === 0 ? ['  none found'] : details(labels, paint, '  ')),
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
          : flowsOf(await client.get<Record<string, unknown>>('/api/v1/flows/lookup', { ...readWho(words), limit: 20 }))
      if (flows.length === 0) throw new FlowidentError('no-match', `no flow of ${words.join(' ')} is known`)
      for (const flow of flows) {
        const explanation = await client.get<Explanation>(`/api/v1/flows/${String(flow['id'])}/explain`)
        if (options.json === true) printer.json([{ ...explanation, flow }])
        else for (const line of explain(flow, explanation, printer.paint)) printer.line(line)
      }
    })
}
