// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net'
import { FlowidentError } from '../errors.js'
import { type CommonOptions, clientOf, type Flow, layersOf, type Register, withClient } from './command.js'
import { flowColumns } from './flows.js'
import { Printer, printable } from './output.js'

/** `10.0.0.1:443`, `[2001:db8::1]:443`, `:443`, or an address without a port. */
export function readEndpoint(text: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  const host = match === null ? text : (match[1] ?? match[2] ?? '')
  const port = match === null ? undefined : Number(match[3])
  if ((host !== '' && isIP(host) === 0) || (host === '' && port === undefined) || (port !== undefined && (port < 1 || port > 65535)))
    throw new FlowidentError('usage', `${JSON.stringify(text)} is not an endpoint: 10.0.0.1:443, [2001:db8::1]:443 or :443`)
  if (port === undefined) return host
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

export type Query = Readonly<Record<string, string>>

/** One endpoint, or a whole 5-tuple: `tcp 10.0.0.1:443 10.0.0.2:50000`. */
export function readWho(words: readonly string[]): Query {
  const transports = ['tcp', 'udp', 'sctp', 'icmp', 'icmpv6']
  const named = transports.includes(words[0]?.toLowerCase() ?? '')
  const transport = named ? { transport: (words[0] ?? '').toLowerCase() } : {}
  const ends = words.slice(named ? 1 : 0).map(readEndpoint)
  if (ends.length === 1 && ends[0] !== undefined) return { ...transport, endpoint: ends[0] }
  if (ends.length === 2 && named && ends[0] !== undefined && ends[1] !== undefined)
    return { ...transport, source: ends[0], destination: ends[1] }
  throw new FlowidentError(
    'usage',
    'say one endpoint (`who :443`), or transport and both endpoints (`who tcp 10.0.0.1:443 10.0.0.2:50000`)',
  )
}

/** The daemon answers with one flow, or with all that have the endpoint. */
export function flowsOf(answer: Readonly<Record<string, unknown>>): readonly Flow[] {
  if (Array.isArray(answer['flows'])) return answer['flows'] as Flow[]
  if (typeof answer['flow'] === 'object' && answer['flow'] !== null) return [answer['flow'] as Flow]
  return 'id' in answer ? [answer] : []
}

function sentence(flow: Flow): string {
  const service = flow['service.name'] ?? 'an unknown service'
  const owner = [
    ['unit', flow['flowident.unit']],
    ['container', flow['container.id']],
    ['pod', flow['k8s.pod.uid']],
    ['pid', flow['process.pid']],
    ['executable', flow['process.executable.path'] ?? flow['process.executable.name']],
    ['user', flow['process.owner']],
  ].flatMap(([key, value]) => (value === undefined || value === null ? [] : [`${key} ${value}`]))
  return `${service} speaks ${layersOf(flow)} (${flow['flowident.confidence']})${owner.length === 0 ? '; owner unknown' : `; ${owner.join(', ')}`}`
}

export const register: Register = (program, io) => {
  withClient(program.command('who'))
    .description('say which service a flow or an endpoint belongs to')
    .argument('<words...>', ':443, 10.0.0.1:443, or tcp 10.0.0.1:443 10.0.0.2:50000 (either end first)')
    .action(async (words: string[], options: CommonOptions) => {
      const printer = new Printer(io)
      const query = readWho(words)
      const flows = flowsOf(await clientOf(options, io).get<Record<string, unknown>>('/api/v1/flows/lookup', query))
      if (flows.length === 0) throw new FlowidentError('no-match', `no flow of ${words.join(' ')} is known`)
      if (options.json === true) printer.json(flows)
      else if (flows.length === 1 && flows[0] !== undefined) printer.line(printable(sentence(flows[0])))
      else printer.table(flows, flowColumns)
    })
}
