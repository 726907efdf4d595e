// SPDX-License-Identifier: Apache-2.0
import { type CommonOptions, clientOf, pages, type Register, type Service, withClient } from './command.js'
import { details } from './details.js'
import { bytes, type Column, Printer } from './output.js'

export const serviceColumns: readonly Column<Service>[] = [
  { title: 'SERVICE', value: (service) => service['name'], max: 40 },
  { title: 'VERSION', value: (service) => service['version'], max: 16 },
  { title: 'ENVIRONMENT', value: (service) => service['environment'], max: 16 },
  { title: 'KIND', value: (service) => service['kind'] },
  { title: 'PROTOCOLS', value: (service) => (service['protocols'] as readonly string[] | undefined)?.join(','), max: 32 },
  { title: 'ACTIVE', value: (service) => service['flows_active'], right: true },
  { title: 'FLOWS', value: (service) => service['flows_opened'], right: true },
  { title: 'RECEIVED', value: (service) => bytes(service['bytes_received']), right: true },
  { title: 'SENT', value: (service) => bytes(service['bytes_sent']), right: true },
  { title: 'ID', value: (service) => service['id'] },
]

interface Traffic {
  readonly protocol: string
  readonly transport: string
  readonly role: string | null
  readonly view: string
  readonly [counter: string]: unknown
}

const trafficColumns: readonly Column<Traffic>[] = [
  { title: 'PROTOCOL', value: ({ protocol }) => protocol },
  { title: 'TRANSPORT', value: ({ transport }) => transport },
  { title: 'ROLE', value: ({ role }) => role },
  { title: 'VIEW', value: ({ view }) => view },
  ...serviceColumns.filter(({ title }) => ['ACTIVE', 'FLOWS', 'RECEIVED', 'SENT'].includes(title)),
]

export const register: Register = (program, io) => {
  withClient(program.command('services'))
    .description('list services, or show one')
    .argument('[id]', 'id of a service')
    .action(async (id: string | undefined, options: CommonOptions) => {
      const printer = new Printer(io)
      const client = clientOf(options, io)
      if (id !== undefined) {
        const service = await client.get<Service>(`/api/v1/services/${encodeURIComponent(id)}`)
        if (options.json === true) return printer.json([service])
        const { traffic = [], ...rest } = service as Service & { readonly traffic?: readonly Traffic[] }
        for (const line of details(rest, printer.paint)) printer.line(line)
        if (traffic.length > 0) printer.table(traffic, trafficColumns)
        return
      }
      const all: Service[] = []
      for await (const page of pages<Service>(client, '/api/v1/services', 'services', {}, 100_000)) all.push(...page)
      if (options.json === true) printer.json(all)
      else if (all.length === 0) printer.talk('no services yet')
      else printer.table(all, serviceColumns)
    })
}
