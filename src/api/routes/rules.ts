// SPDX-License-Identifier: Apache-2.0
// GET and PUT /api/v1/rules, GET /api/v1/rules/drops
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { FlowidentError } from '../../errors.js'
import { TRIAL_SECONDS } from '../../rules/control.js'
import { FILE_BYTES, type RuleText } from '../../rules/load.js'
import type { ApiContext } from '../context.js'
import { flowOfDrop, packetJson } from '../drops.js'
import { PartError } from '../problem.js'
import { exact, problems } from '../schemas.js'
import { addPreview } from './rules-preview.js'

const BODY_NAME = 'request body'

const Count = Type.Union([Type.Number(), Type.String()])
const Warnings = Type.Array(Type.String(), { description: 'rules that never decide' })
const RuleInForce = Type.Object({
  name: Type.String(),
  action: Type.String({ description: 'drop, reject, pass or rate-limit' }),
  audit: Type.Boolean({ description: 'counts, and lets go on' }),
  reset: Type.Boolean({ description: 'connections of local sockets are reset' }),
  comment: Type.String(),
  file: Type.String(),
  line: Type.Union([Type.Integer(), Type.Null()]),
  enforced_at: Type.String(),
  packets: Count,
  bytes: Count,
  dropped_packets: Count,
  flows: Count,
  expires: Type.Union([Type.String(), Type.Null()], { description: 'from then on it does not take part' }),
  last_hit_seconds: Type.Union([Type.Number(), Type.Null()], { description: 'seconds since the last packet' }),
})
const Drop = Type.Object({}, { additionalProperties: true })

/** Over TCP anybody on this host could change what the host lets through; the socket has permissions. */
function onlySocket(request: FastifyRequest): void {
  if (request.raw.socket.remoteAddress !== undefined)
    throw new FlowidentError('not-permitted', 'rules are changed over the unix socket only', {
      hint: 'Use /run/flowident/flowident.sock, which has owner and group.',
    })
}

/** A rule file as YAML or JSON; or `{ "files": [{ "name", "text" }] }`, so that mistakes name the files they are in. */
function textsOf(body: string): RuleText[] {
  if (!/^\s*\{\s*"files"\s*:/.test(body)) return [{ name: BODY_NAME, text: body }]
  let files: unknown
  try {
    files = (JSON.parse(body) as { files: unknown }).files
  } catch (error) {
    throw new PartError('/body', `not JSON: ${(error as Error).message}`)
  }
  const wrong = () => new PartError('/body/files', 'expected a list of { "name": …, "text": … }')
  if (!Array.isArray(files)) throw wrong()
  return files.map((file: Partial<RuleText> | null) => {
    if (typeof file?.name !== 'string' || typeof file.text !== 'string') throw wrong()
    return { name: file.name, text: file.text }
  })
}

export const ruleRoutes =
  (context: ApiContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { rules } = context
    app.removeContentTypeParser(['application/json', 'text/plain'])
    app.addContentTypeParser(
      ['application/json', 'application/yaml', 'text/yaml', 'text/plain'],
      { parseAs: 'string', bodyLimit: FILE_BYTES },
      (_request, body, done) => done(null, body),
    )
    addPreview(app, context, { textsOf, mayCompile: onlySocket, bodyLimit: FILE_BYTES })
    const left = (ns: bigint): number | null => (ns === 0n ? null : Math.max(0, Number(ns - process.hrtime.bigint()) / 1e9))
    const ago = (ns: bigint): number | null => (ns === 0n ? null : Number(process.hrtime.bigint() - ns) / 1e9)

    app.get(
      '/rules',
      {
        schema: {
          summary: 'Drop rules: what is in force, where, and how often it decided. The ETag names the set',
          response: {
            200: Type.Object({
              in_force: Type.Boolean(),
              confirm_within_seconds: Type.Union([Type.Number(), Type.Null()], {
                description: 'time left to confirm these rules; then those before are in force again. null: they are in force for good',
              }),
              rules: Type.Array(RuleInForce),
              warnings: Warnings,
            }),
            ...problems,
          },
        },
      },
      async (_request, reply) => {
        const { etag, inForce, untilNs, rules: list, warnings } = await rules.state()
        void reply.header('etag', etag)
        return {
          in_force: inForce,
          confirm_within_seconds: left(untilNs),
          rules: list.map(({ rule, enforcedAt, packets, bytes, dropped, flows, lastNs }) => ({
            name: rule.name,
            action: rule.action,
            audit: rule.audit,
            reset: rule.reset === true,
            comment: rule.comment,
            file: rule.file,
            line: rule.place?.line ?? null,
            enforced_at: enforcedAt,
            packets: exact(packets),
            bytes: exact(bytes),
            dropped_packets: exact(dropped),
            flows: exact(flows),
            expires: rule.expires === undefined ? null : new Date(rule.expires).toISOString(),
            last_hit_seconds: ago(lastNs),
          })),
          warnings: [...warnings],
        }
      },
    )
    app.put(
      '/rules',
      {
        bodyLimit: FILE_BYTES,
        schema: {
          summary: 'Replaces all rules at once, over the unix socket; the body is a rule file in YAML or JSON',
          headers: Type.Object({ 'if-match': Type.Optional(Type.String({ maxLength: 64, description: 'only if this set is in force' })) }),
          querystring: Type.Object(
            {
              confirm_within: Type.Optional(
                Type.Integer({
                  minimum: TRIAL_SECONDS.least,
                  maximum: TRIAL_SECONDS.most,
                  description: 'seconds after which the rules before are in force again, unless POST /rules/confirm comes',
                }),
              ),
              override_guard: Type.Optional(
                Type.String({
                  maxLength: 1000,
                  description: 'names of rules, with commas between them, that may cut off SSH sessions and the API',
                }),
              ),
              ssh_connection: Type.Optional(
                Type.String({ maxLength: 200, description: 'SSH_CONNECTION of who asks: the session that the rules must not cut off' }),
              ),
            },
            { additionalProperties: false },
          ),
          response: { 200: Type.Object({ rules: Type.Integer(), warnings: Warnings }), ...problems },
        },
      },
      async (request, reply) => {
        onlySocket(request)
        const etag = await rules.replace(textsOf(String(request.body ?? '')), {
          ifMatch: request.headers['if-match'],
          confirmWithin: request.query.confirm_within,
          override: request.query.override_guard?.split(','),
          sshConnection: request.query.ssh_connection,
        })
        void reply.header('etag', etag)
        const { rules: list, warnings } = await rules.state()
        return { rules: list.length, warnings: [...warnings] }
      },
    )
    app.post(
      '/rules/confirm',
      {
        schema: {
          summary: 'Keeps the rules that are on trial, over the unix socket',
          response: { 200: Type.Object({ rules: Type.Integer() }), ...problems },
        },
      },
      async (request, reply) => {
        onlySocket(request)
        void reply.header('etag', await rules.confirm())
        return { rules: rules.rules.length }
      },
    )
    app.get(
      '/rules/drops',
      {
        schema: {
          summary: 'Packets that rules dropped lately: about one a second and rule',
          response: { 200: Type.Object({ drops: Type.Array(Drop) }), ...problems },
        },
      },
      async () => ({
        drops: rules.recent.map((drop) => ({
          ...packetJson(context.catalog, drop),
          seconds_ago: ago(drop.nowNs),
          flow: flowOfDrop(context.catalog, drop),
        })),
      }),
    )
  }
