// SPDX-License-Identifier: Apache-2.0
// GET /healthz, /readyz, /metrics, /
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { ApiContext } from '../context.js'

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

const LINKS: readonly (readonly [string, string])[] = [
  ['/metrics', 'metrics for Prometheus'],
  ['/api/v1/flows', 'flows'],
  ['/api/v1/services', 'services'],
  ['/api/v1/protocols', 'protocols that are told apart'],
  ['/api/v1/events', 'events, as they happen'],
  ['/openapi.json', 'description of the API'],
  ['/healthz', 'is it alive'],
  ['/readyz?verbose', 'what is attached and what is missing'],
]

const landing = (version: string): string => {
  const items = LINKS.map(([path, words]) => `<li><a href="${escapeHtml(path)}">${escapeHtml(path)}</a> ${escapeHtml(words)}</li>`)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>flowident</title></head>
<body><h1>flowident ${escapeHtml(version)}</h1><ul>${items.join('')}</ul></body></html>
`
}

export const healthRoutes =
  (context: ApiContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get('/', { schema: { hide: true } }, async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', "default-src 'none'")
        .header('x-content-type-options', 'nosniff')
        .send(landing(context.version)),
    )

    app.get(
      '/healthz',
      { schema: { summary: 'The daemon answers', response: { 200: Type.Object({ status: Type.String() }) } } },
      async () => ({
        status: 'ok',
      }),
    )

    const Ready = Type.Object({
      status: Type.String({ description: 'ready, degraded or not ready' }),
      checks: Type.Optional(Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() }))),
    })
    app.get(
      '/readyz',
      {
        schema: {
          summary: 'Traffic is seen; with ?verbose, what is attached and what is missing',
          querystring: Type.Object({ verbose: Type.Optional(Type.String()) }, { additionalProperties: false }),
          response: { 200: Ready, 503: Ready },
        },
      },
      async ({ query }, reply) => {
        const { ready, checks } = context.readiness()
        const status = ready ? (checks.every(({ ok }) => ok) ? 'ready' : 'degraded') : 'not ready'
        const body = { status, ...(query.verbose === undefined ? {} : { checks: [...checks] }) }
        return reply.code(ready ? 200 : 503).send(body)
      },
    )

    app.get(
      '/metrics',
      {
        schema: {
          summary: 'Prometheus text, or OpenMetrics for who accepts it',
          response: { 200: { description: 'metrics', content: { 'text/plain': { schema: Type.String() } } } },
        },
      },
      async (request, reply) => {
        const openMetrics = (request.headers.accept ?? '').includes('application/openmetrics-text')
        const { type, text } = await context.metrics.scrape(openMetrics)
        return reply.type(type).send(text)
      },
    )
  }
