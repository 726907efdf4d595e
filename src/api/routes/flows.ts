// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/flows, /flows/lookup, /flows/:id, /flows/:id/explain
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { FlowidentError } from '../../errors.js'
import { addressBytes, inPrefix, type Prefix } from '../../flows/address.js'
import { type FlowJson, parseFlowId } from '../../flows/json.js'
import { transportNumber } from '../../flows/names.js'
import { type FlowFacts, parseQuery, type Query, QueryError } from '../../flows/query.js'
import { RecordView } from '../../flows/record-view.js'
import type { Endpoint } from '../../flows/tuple.js'
import { explain } from '../../services/explain.js'
import type { ApiContext } from '../context.js'
import { Cursors } from '../cursor.js'
import { PartError } from '../problem.js'
import { Flow, Next, problems, Service } from '../schemas.js'

const MOST = 1000
/** Flows looked at, and flows written out, before others get their turn. */
const LOOK = 4000
const WRITE = 100

export const queryOf = (text: string | undefined): Query | undefined => {
  if (text === undefined || text.trim() === '') return undefined
  try {
    return parseQuery(text)
  } catch (error) {
    if (error instanceof QueryError) throw new PartError('/query/q', error.message, { hint: error.hint, details: error.details })
    throw error
  }
}

interface Ends {
  readonly address: string | undefined
  readonly port: number | undefined
}

/** `10.0.0.1:443`, `[2001:db8::1]:443`, `:443`, or an address. */
const readEnds = (pointer: string, text: string): Ends => {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const address = match ? (match[1] ?? match[2] ?? '') : text.replace(/^\[(.*)\]$/, '$1')
  const port = match ? Number(match[3]) : undefined
  if ((address === '' && port === undefined) || (address !== '' && !addressBytes(address)) || (port ?? 0) > 65535)
    throw new PartError(pointer, `${JSON.stringify(text)} is no endpoint: 10.0.0.1:443, [2001:db8::1]:443 or :443`)
  return { address: address === '' ? undefined : address, port }
}

const readEndpoint = (pointer: string, text: string): Endpoint => {
  const { address, port } = readEnds(pointer, text)
  if (address === undefined || port === undefined) throw new PartError(pointer, `${JSON.stringify(text)} needs an address and a port`)
  return { bytes: addressBytes(address)!, port }
}

export const flowRoutes =
  (context: ApiContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { catalog, refresher } = context
    const { table } = catalog
    const cursors = new Cursors()

    /** Slots that match, from `from` downwards: the newest flows have the highest slots, mostly. */
    const scan = async (matches: ((facts: FlowFacts) => boolean) | undefined, from: number, limit: number) => {
      const view = new RecordView()
      const found: FlowJson[] = []
      let slot = Math.min(from, table.end - 1)
      for (let looked = 0; slot >= 0 && found.length < limit; slot--) {
        if (++looked % LOOK === 0) await turn()
        if (!table.present(slot) || (matches && !matches(catalog.facts(slot, view)))) continue
        found.push(catalog.json(slot))
        if (found.length % WRITE === 0) await turn()
      }
      return { found, next: slot }
    }

    const json = (slots: readonly number[]): FlowJson[] => slots.map((slot) => catalog.json(slot))

    const slotOf = (id: string): number => {
      const number = parseFlowId(id)
      if (!number) throw new PartError('/path/id', `${JSON.stringify(id.slice(0, 40))} is no flow id: they look like s-1f4`)
      const slot = table.find(number.high, number.low)
      if (slot < 0 || catalog.json(slot).id !== id)
        throw new FlowidentError('not-found', `there is no flow ${id}, or it ended too long ago`)
      return slot
    }

    app.get(
      '/flows',
      {
        schema: {
          summary: 'Flows, live ones and those that ended lately; newest first, roughly',
          querystring: Type.Object(
            {
              q: Type.Optional(
                Type.String({ maxLength: 2048, description: 'words such as protocol:grpc port:>1024 dst:10.0.0.0/8 -state:ended' }),
              ),
              limit: Type.Integer({ minimum: 1, maximum: MOST, default: 100 }),
              cursor: Type.Optional(Type.String({ maxLength: 64, description: '`next` of the page before' })),
            },
            { additionalProperties: false },
          ),
          response: { 200: Type.Object({ flows: Type.Array(Flow), next: Next }), ...problems },
        },
      },
      async ({ query: { q, limit, cursor } }) => {
        const question = q ?? ''
        const query = queryOf(q)
        const from = cursor === undefined ? Infinity : cursors.read(cursor, question)
        await refresher.ready()
        const { found, next } = await scan(query?.matches, from, limit)
        return { flows: found, next: next < 0 ? null : cursors.write(next, question) }
      },
    )

    app.get(
      '/flows/lookup',
      {
        schema: {
          summary: 'The flow of a 5-tuple, in either direction, or the flows of an endpoint',
          querystring: Type.Object(
            {
              transport: Type.Optional(Type.String({ maxLength: 16 })),
              source: Type.Optional(Type.String({ maxLength: 64, description: '10.0.0.1:443 or [2001:db8::1]:443' })),
              destination: Type.Optional(Type.String({ maxLength: 64 })),
              endpoint: Type.Optional(Type.String({ maxLength: 64, description: 'instead of both: :443, 10.0.0.1:443 or 10.0.0.1' })),
              limit: Type.Integer({ minimum: 1, maximum: MOST, default: 100 }),
            },
            { additionalProperties: false },
          ),
          response: {
            200: Type.Object({ flow: Flow, flows: Type.Array(Flow), service: Type.Optional(Type.Partial(Service)) }),
            ...problems,
          },
        },
      },
      async ({ query: { transport, source, destination, endpoint, limit } }) => {
        const l4 = transport === undefined ? undefined : transportNumber(transport)
        if (transport !== undefined && l4 === undefined)
          throw new PartError('/query/transport', `${JSON.stringify(transport)} is not tcp, udp, sctp, icmp or icmpv6`)
        await refresher.ready()
        let flows: FlowJson[]
        if (endpoint !== undefined) {
          if (source !== undefined || destination !== undefined)
            throw new PartError('/query/endpoint', 'stands alone: give it, or source and destination')
          flows = await ofEndpoint(readEnds('/query/endpoint', endpoint), l4, limit)
        } else {
          if (source === undefined || destination === undefined || l4 === undefined)
            throw new PartError('/query', 'give transport, source and destination, or endpoint')
          const [a, b] = [readEndpoint('/query/source', source), readEndpoint('/query/destination', destination)]
          flows = json(table.byTuple(l4, a, b, limit))
        }
        const [flow] = flows
        if (!flow) throw new FlowidentError('no-match', 'no flow of these endpoints is known')
        const id = flow['flowident.service']
        const index = typeof id === 'string' ? catalog.registry.indexOf(id) : undefined
        const service = index === undefined ? undefined : catalog.registry.get(index)
        return { flow, flows, ...(service && { service }) }
      },
    )

    const ofEndpoint = async ({ address, port }: Ends, l4: number | undefined, limit: number): Promise<FlowJson[]> => {
      const prefix: Prefix | undefined = address === undefined ? undefined : { bytes: addressBytes(address)!, bits: 128 }
      const wanted = (view: RecordView): boolean =>
        (l4 === undefined || view.l4 === l4) &&
        ([0, 1] as const).some(
          (end) => (port === undefined || view.port(end) === port) && (!prefix || inPrefix(view.data, view.addressAt(end), prefix)),
        )
      if (port === undefined) return (await scan(({ view }) => wanted(view), Infinity, limit)).found
      const view = new RecordView()
      const slots: number[] = []
      let looked = 0
      for (const slot of table.byPort(port)) {
        // A bucket changes while others have their turn, so it is walked in one go; this bounds how long that takes.
        if (slots.length >= limit || ++looked > 10 * LOOK) break
        if (wanted(table.view(slot, view))) slots.push(slot)
      }
      // Live ones first: they answer "who is it now".
      return json(slots.sort((a, b) => Number(table.isLive(b)) - Number(table.isLive(a))))
    }

    const params = Type.Object({ id: Type.String({ maxLength: 40 }) })
    app.get('/flows/:id', { schema: { summary: 'One flow', params, response: { 200: Flow, ...problems } } }, async ({ params: { id } }) =>
      catalog.json(slotOf(id)),
    )

    app.get(
      '/flows/:id/explain',
      {
        schema: {
          summary: 'How protocol, owner and service of a flow are known, in sentences',
          params,
          response: {
            200: Type.Object({
              id: Type.String(),
              protocol: Type.Array(Type.String()),
              owner: Type.Array(Type.String()),
              service: Type.Array(Type.String()),
            }),
            ...problems,
          },
        },
      },
      async ({ params: { id } }) => {
        const slot = slotOf(id)
        const [owner, service] = [catalog.owner(slot), catalog.service(slot)]
        return explain(table.view(slot, new RecordView()), owner, service)
      },
    )
  }
