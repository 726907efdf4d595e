// SPDX-License-Identifier: Apache-2.0
// POST /api/v1/rules/preview
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { isOfContract } from '../../rules/model.js'
import { loadRules, type RuleText } from '../../rules/load.js'
import type { ApiContext } from '../context.js'
import { problems } from '../schemas.js'

const HOUR = 3600

export interface PreviewBody {
  readonly textsOf: (body: string) => RuleText[]
  readonly mayCompile: (request: FastifyRequest) => void
  readonly bodyLimit: number
}

const Row = Type.Object({
  rule: Type.String(),
  audit: Type.Boolean({ description: 'would only be counted' }),
  service: Type.String({ description: '~unknown: forwarded, or the owner was not seen' }),
  service_id: Type.String(),
  flows: Type.Integer(),
  packets: Type.Number(),
  bytes: Type.Number(),
  example: Type.String({ description: 'the newest of the flows' }),
})
const Answer = Type.Object({
  window_seconds: Type.Integer(),
  covered_seconds: Type.Integer({ description: 'how far back every flow is still known' }),
  view: Type.String({ description: 'wire, or socket where nothing crossed a watched interface' }),
  flows: Type.Integer({ description: 'in the window' }),
  looked_at: Type.Integer({ description: 'of these; fewer when time ran out' }),
  rules: Type.Array(Type.String(), { description: 'rules that were tried, in order, and contracts' }),
  rows: Type.Array(Row, { description: 'what would have been dropped or counted, by rule and service' }),
})

/** `textsOf` reads a body, `mayCompile` refuses who may not have rules compiled; in the scope of the plugin, for its parsers. */
export function addPreview(
  app: FastifyInstance,
  { rules, refresher, preview }: ApiContext,
  { textsOf, mayCompile, bodyLimit }: PreviewBody,
): void {
  app.post<{ Querystring: { window_seconds: number } }>(
    '/rules/preview',
    {
      bodyLimit,
      schema: {
        summary: 'What rules would have done to the flows of late: those of the body, or without one those in force',
        querystring: Type.Object(
          { window_seconds: Type.Integer({ minimum: 1, maximum: 7 * 24 * HOUR, default: HOUR }) },
          { additionalProperties: false },
        ),
        response: { 200: Answer, ...problems },
      },
    },
    async (request) => {
      const { window_seconds } = request.query
      const text = String(request.body ?? '')
      if (text.trim() !== '') mayCompile(request)
      const set = text.trim() === '' ? rules : loadRules(textsOf(text))
      await refresher.ready()
      const { flows, looked, view, coveredSeconds, rows } = await preview(set, window_seconds)
      return {
        window_seconds,
        covered_seconds: coveredSeconds,
        view,
        flows,
        looked_at: looked,
        rules: [...set.rules.filter((rule) => !isOfContract(rule)), ...set.contracts].map(({ name }) => name),
        rows: rows.map(({ serviceId, ...row }) => ({ ...row, service_id: serviceId })),
      }
    },
  )
}
