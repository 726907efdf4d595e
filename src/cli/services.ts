// SPDX-License-Identifier: Apache-2.0
import { type CommonOptions, clientOf, pages, type Register, type Service, withClient } from './command.js'
import { details } from './details.js'
import { bytes, type Column, Printer } from './output.js'

/** The first of several members that is there: views of a service carry their counters under their own keys. */
const first = (service: Service, ...keys: string[]): unknown =>
  keys.map((key) => service[key]).find((value) => value !== undefined && value !== null)
const protocols = (service: Service): string => {
  const value = first(service, 'protocols', 'network.protocol.name')
  if (!Array.isArray(value)) return typeof value === 'object' && value !== null ? Object.keys(value).join(',') : String(value ?? '')
  return value
    .map((each) => (typeof each === 'string' ? each : String((each as Service)['name'] ?? (each as Service)['protocol'])))
    .join(',')
}

export const serviceColumns: readonly Column<Service>[] = [
  { title: 'SERVICE', value: (service) => first(service, 'name', 'service.name'), max: 40 },
  { title: 'VERSION', value: (service) => first(service, 'version', 'service.version'), max: 16 },
  { title: 'ENVIRONMENT', value: (service) => first(service, 'environment', 'deployment.environment'), max: 16 },
  { title: 'KIND', value: (service) => service['kind'] },
  { title: 'PROTOCOLS', value: protocols, max: 32 },
  { title: 'ACTIVE', value: (service) => first(service, 'flows_active', 'active'), right: true },
  { title: 'FLOWS', value: (service) => first(service, 'flows_opened', 'opened', 'flows'), right: true },
  { title: 'RECEIVED', value: (service) => bytes(first(service, 'bytes_received', 'received_bytes')), right: true },
  { title: 'SENT', value: (service) => bytes(first(service, 'bytes_sent', 'sent_bytes')), right: true },
  { title: 'ID', value: (service) => service['id'] },
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
        if (options.json === true) printer.json([service])
        else for (const line of details(service, printer.paint)) printer.line(line)
        return
      }
      const all: Service[] = []
      for await (const page of pages<Service>(client, '/api/v1/services', 'services', {}, 100_000)) all.push(...page)
      if (options.json === true) printer.json(all)
      else if (all.length === 0) printer.talk('no services yet')
      else printer.table(all, serviceColumns)
    })
}
