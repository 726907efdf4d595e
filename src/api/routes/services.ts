// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/services, /services/:id
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { FlowidentError } from '../../errors.js'
import type { Service as ServiceFacts } from '../../services/service.js'
import type { Series } from '../../services/traffic.js'
import type { ApiContext } from '../context.js'
import { Cursors } from '../cursor.js'
import { exact, Next, problems, Service, ServiceProfile, Traffic } from '../schemas.js'

const sum = (series: readonly Series[], member: 'opened' | 'rxBytes' | 'txBytes' | 'rxPackets' | 'txPackets') =>
  exact(series.reduce((total, each) => total + each[member], 0n))

const totals = (series: readonly Series[]) => ({
  flows_active: series.reduce((total, each) => total + each.active, 0),
  flows_opened: sum(series, 'opened'),
  bytes_received: sum(series, 'rxBytes'),
  bytes_sent: sum(series, 'txBytes'),
  packets_received: sum(series, 'rxPackets'),
  packets_sent: sum(series, 'txPackets'),
})

/** Totals of the socket view; of the wire for what has no socket. The two see the same packets and are not added up. */
const oneView = (series: readonly Series[]): readonly Series[] => {
  const socket = series.filter(({ view }) => view === 'socket')
  return socket.length > 0 ? socket : series
}

const describe = (service: ServiceFacts, series: readonly Series[]) => ({
  ...service,
  protocols: [...new Set(series.map(({ protocol }) => protocol))].sort(),
  ...totals(oneView(series)),
})

export const serviceRoutes =
  (context: ApiContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { catalog, traffic, updateTraffic } = context
    const { registry } = catalog
    const cursors = new Cursors()

    app.get(
      '/services',
      {
        schema: {
          summary: 'Services seen since the start, with their traffic',
          querystring: Type.Object(
            {
              limit: Type.Integer({ minimum: 1, maximum: 1000, default: 1000 }),
              cursor: Type.Optional(Type.String({ maxLength: 64 })),
            },
            { additionalProperties: false },
          ),
          response: { 200: Type.Object({ services: Type.Array(Service), next: Next }), ...problems },
        },
      },
      async ({ query: { limit, cursor } }) => {
        const from = cursor === undefined ? 1 : cursors.read(cursor, 'services')
        await updateTraffic()
        const bySeries = groupBy(traffic.series)
        const services = []
        let next: number | undefined
        for (const { index, service } of registry.all()) {
          const series = bySeries.get(index) ?? []
          // The two sums that are always there are told only when something is in them.
          if (index < from || (service.id.startsWith('~') && series.length === 0)) continue
          if (services.length === limit) {
            next = index
            break
          }
          services.push(describe(service, series))
        }
        return { services, next: next === undefined ? null : cursors.write(next, 'services') }
      },
    )

    app.get(
      '/services/:id',
      {
        schema: {
          summary: 'One service: what is behind it, how it is configured and confined, and its traffic by protocol, role and view',
          params: Type.Object({ id: Type.String({ maxLength: 200 }) }),
          response: { 200: Type.Intersect([Service, Type.Object({ profile: ServiceProfile, traffic: Type.Array(Traffic) })]), ...problems },
        },
      },
      async ({ params: { id } }) => {
        const index = registry.indexOf(id)
        const service = index === undefined ? undefined : registry.get(index)
        if (!service) throw new FlowidentError('not-found', `there is no service ${JSON.stringify(id)}`)
        await updateTraffic()
        const series = traffic.series.filter((each) => each.service === index)
        const rows = series.map((each) => ({
          protocol: each.protocol,
          transport: each.transport,
          role: each.role,
          view: each.view,
          ...totals([each]),
        }))
        return { ...describe(service, series), profile: await context.profile(id), traffic: rows }
      },
    )
  }

const groupBy = (all: readonly Series[]): Map<number, Series[]> => {
  const groups = new Map<number, Series[]>()
  for (const series of all) {
    const group = groups.get(series.service)
    if (group) group.push(series)
    else groups.set(series.service, [series])
  }
  return groups
}
