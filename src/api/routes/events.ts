// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/events: server-sent events, or one JSON object a line for who accepts application/x-ndjson.
import type { ServerResponse } from 'node:http'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { ApiContext } from '../context.js'
import type { FlowEvent, Subscription } from '../events.js'
import { problems } from '../schemas.js'
import { queryOf } from './flows.js'

const HEARTBEAT_MS = 15_000
const NDJSON = 'application/x-ndjson'

const sse = (event: FlowEvent): string => `event: ${event.event}\nid: ${event.number}\ndata: ${JSON.stringify(event)}\n\n`
const line = (event: FlowEvent): string => `${JSON.stringify(event)}\n`

/** The client has read what was written, or is gone. */
const drained = (raw: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      raw.off('drain', done)
      raw.off('close', done)
      resolve()
    }
    raw.on('drain', done)
    raw.on('close', done)
  })

/** Writes until the client is gone. A client that does not read makes its own queue fill, nobody else's. */
const pump = async (raw: ServerResponse, subscription: Subscription, render: (event: FlowEvent) => string): Promise<void> => {
  for await (const event of subscription) {
    if (raw.destroyed) return
    if (!raw.write(render(event)) && !raw.destroyed) await drained(raw)
  }
}

export const eventRoutes =
  (context: ApiContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/events',
      {
        schema: {
          summary:
            'What happens to flows: verdict, labels, end, deviation (from a contract); drop (a packet, by a rule; about one a second and rule); `dropped` tells a client how much it missed',
          querystring: Type.Object(
            { q: Type.Optional(Type.String({ maxLength: 2048, description: 'as for /flows' })) },
            { additionalProperties: false },
          ),
          response: {
            200: {
              description: 'a stream that does not end',
              content: {
                'text/event-stream': { schema: Type.String() },
                [NDJSON]: { schema: Type.Object({ event: Type.String(), number: Type.Integer() }, { additionalProperties: true }) },
              },
            },
            ...problems,
          },
        },
      },
      async (request, reply) => {
        const subscription = context.events.subscribe(queryOf(request.query.q))
        const ndjson = (request.headers.accept ?? '').includes(NDJSON)
        const { raw } = reply
        reply.hijack()
        raw.on('close', () => subscription[Symbol.dispose]())
        raw.on('error', () => undefined)
        raw.writeHead(200, {
          'content-type': ndjson ? NDJSON : 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        })
        raw.write(ndjson ? '' : ': flowident\n\n')
        raw.flushHeaders()
        const beat = ndjson ? undefined : setInterval(() => raw.writableLength === 0 && raw.write(': still here\n\n'), HEARTBEAT_MS)
        try {
          await pump(raw, subscription, ndjson ? line : sse)
        } finally {
          clearInterval(beat)
          subscription[Symbol.dispose]()
          raw.end()
        }
      },
    )
  }
