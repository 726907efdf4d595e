// SPDX-License-Identifier: Apache-2.0
import { type CommonOptions, clientOf, type Flow, layersOf, ownerOf, pages, type Register, whole, withClient } from './command.js'
import { bytes, type Column, endpoint, Printer } from './output.js'

export const flowColumns: readonly Column<Flow>[] = [
  { title: 'ID', value: (flow) => flow['id'] },
  { title: 'TRANSPORT', value: (flow) => flow['network.transport'] },
  { title: 'SOURCE', value: (flow) => endpoint(flow['source.address'], flow['source.port']) },
  { title: 'DESTINATION', value: (flow) => endpoint(flow['destination.address'], flow['destination.port']) },
  { title: 'PROTOCOL', value: layersOf, max: 32 },
  { title: 'SURE', value: (flow) => flow['flowident.confidence'] },
  { title: 'SENT', value: (flow) => bytes(flow['source.bytes']), right: true },
  { title: 'RECEIVED', value: (flow) => bytes(flow['destination.bytes']), right: true },
  { title: 'SERVICE', value: (flow) => flow['service.name'], max: 32 },
  { title: 'OWNER', value: ownerOf, max: 32 },
]

export const register: Register = (program, io) => {
  withClient(program.command('flows'))
    .description('list flows that the daemon sees')
    .argument('[words...]', 'filter: protocol:tls port:443 service:web sni:*.example.com ...')
    .option('-n, --limit <count>', 'at most this many', (text) => whole('--limit', text), 100)
    .addHelpText('after', '\nExamples:\n  flowident flows protocol:redis\n  flowident flows --json --limit 1000 | jq .')
    .action(async (words: string[], options: CommonOptions & { limit: number }) => {
      const printer = new Printer(io)
      const q = words.join(' ') || undefined
      const all: Flow[] = []
      for await (const page of pages<Flow>(clientOf(options, io), '/api/v1/flows', 'flows', { q }, options.limit))
        if (options.json === true) printer.json(page)
        else all.push(...page)
      if (options.json === true) return
      if (all.length === 0) printer.talk(q === undefined ? 'no flows' : 'no flow matches')
      else printer.table(all, flowColumns)
      if (all.length === options.limit) printer.talk(`the first ${options.limit}; --limit shows more`)
    })
}
