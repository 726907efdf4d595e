// SPDX-License-Identifier: Apache-2.0
// Errors as RFC 9457 problem documents. What is wrong inside the daemon is logged, not told.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { nearest } from '../config/nearest.js'
import { errorTable, FlowidentError } from '../errors.js'

export const PROBLEM_TYPE = 'application/problem+json'

export const Problem = Type.Object(
  {
    type: Type.String({ description: '/problems/ and a code that never changes its meaning' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String(),
    hint: Type.Optional(Type.String({ description: 'what can be done about it' })),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String({ description: 'which part of the request' }), detail: Type.String() })),
    ),
  },
  { description: 'RFC 9457' },
)

/** A mistake in one named part of the request, for example `/query/cursor`. */
export class PartError extends FlowidentError {
  readonly pointer: string
  constructor(pointer: string, message: string, options: { hint?: string | undefined; details?: readonly string[] } = {}) {
    super('bad-request', message, {
      ...(options.hint === undefined ? {} : { hint: options.hint }),
      ...(options.details === undefined ? {} : { details: options.details }),
    })
    this.pointer = pointer
  }
}

interface Part {
  pointer: string
  detail: string
}

const PLACES: Readonly<Record<string, string>> = { querystring: 'query', params: 'path', headers: 'header', body: 'body' }

const validationParts = (error: FastifyError, known: readonly string[]): Part[] => {
  const place = PLACES[error.validationContext ?? ''] ?? 'request'
  return (error.validation ?? []).map(({ instancePath, params, message }) => {
    const extra = params['additionalProperty']
    if (typeof extra === 'string') {
      const near = nearest(extra, known)
      return { pointer: `/${place}/${extra}`, detail: `there is no such parameter${near === undefined ? '' : `; did you mean ${near}?`}` }
    }
    const missing = params['missingProperty']
    return { pointer: `/${place}${instancePath}${typeof missing === 'string' ? `/${missing}` : ''}`, detail: message ?? 'is not valid' }
  })
}

const parameters = (request: FastifyRequest): string[] => {
  const schema = request.routeOptions.schema?.querystring as { properties?: Record<string, unknown> } | undefined
  return Object.keys(schema?.properties ?? {})
}

const asOurs = (error: FastifyError | FlowidentError): FlowidentError => {
  if (error instanceof FlowidentError) return error
  const status = error.statusCode ?? 500
  if (status === 429) return new FlowidentError('too-many', error.message)
  if (status >= 400 && status < 500) return new FlowidentError('bad-request', error.message)
  return FlowidentError.from(error)
}

const send = (request: FastifyRequest, reply: FastifyReply, error: FlowidentError, status: number, parts: readonly Part[]): FastifyReply =>
  reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send({
      type: `/problems/${error.code}`,
      title: error.title,
      status,
      detail: error.code === 'internal' ? 'The log has the particulars.' : error.message,
      instance: request.url.slice(0, 200),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(parts.length === 0 ? {} : { errors: parts }),
    })

/** A path that cannot be decoded finds no route, so no error handler either. */
export const badUrl = (_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
  void send(request, reply, new FlowidentError('bad-request', 'the path cannot be decoded'), 400, [])
}

export const installProblems = (app: FastifyInstance): void => {
  app.setErrorHandler((error: FastifyError | FlowidentError, request, reply) => {
    const validation = !(error instanceof FlowidentError) && error.validation ? validationParts(error, parameters(request)) : []
    const ours = asOurs(error)
    if (ours.status >= 500) request.log.error({ err: error, url: request.url }, 'a request failed')
    const given = !(error instanceof FlowidentError) && (error.statusCode ?? 500) < 500 ? error.statusCode : undefined
    const inBody =
      ours.code === 'rules-invalid' || ours.code === 'rules-lock-out'
        ? ours.details.map((detail) => ({ pointer: '/body', detail }))
        : validation
    const parts = error instanceof PartError ? [{ pointer: error.pointer, detail: [error.message, ...error.details].join('\n') }] : inBody
    return send(request, reply, ours, given ?? ours.status, parts)
  })
  app.setNotFoundHandler((request, reply) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      void reply.header('allow', 'GET, HEAD')
      return send(request, reply, new FlowidentError('method-not-allowed', `${request.method} is not offered here`), 405, [])
    }
    const path = request.url.split('?')[0]!.slice(0, 200)
    return send(request, reply, new FlowidentError('not-found', `there is no ${path}`), errorTable['not-found'].status, [])
  })
}
