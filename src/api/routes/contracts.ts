// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/contracts
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { protocolName } from '../../flows/protocols.js'
import type { ApiContext } from '../context.js'
import { problems } from '../schemas.js'

const InForce = Type.Object({
  name: Type.String(),
  service: Type.String(),
  speaks: Type.Array(Type.String()),
  action: Type.String({ description: 'audit or drop' }),
  comment: Type.String(),
  file: Type.String(),
  line: Type.Union([Type.Integer(), Type.Null()]),
  kept: Type.Integer({ description: 'flows that speak what they should' }),
  deviating: Type.Integer(),
  dropped: Type.Integer({ description: 'of these, flows that the kernel drops' }),
})
const Deviation = Type.Object({
  contract: Type.String(),
  action: Type.String(),
  service: Type.String(),
  flow: Type.String({ description: 'id of the flow' }),
  text: Type.String({ description: 'transport, client and server' }),
  'flowident.layers': Type.Array(Type.String()),
  seconds_ago: Type.Number(),
  dropped: Type.Boolean(),
})

export const contractRoutes =
  ({ rules, contracts, catalog }: ApiContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/contracts',
      {
        schema: {
          summary: 'Expected-protocol contracts in force, how many flows kept them, and the last hundred that did not',
          response: { 200: Type.Object({ contracts: Type.Array(InForce), deviations: Type.Array(Deviation) }), ...problems },
        },
      },
      async () => {
        await contracts.sync()
        return {
          contracts: rules.contracts.map((contract) => {
            const { name, service, speaks, action, comment, file, place } = contract
            const line = place?.line ?? null
            return { name, service, speaks: speaks.map(protocolName), action, comment, file, line, ...contracts.counts(contract) }
          }),
          deviations: contracts.recent.map(({ layers, atNs, ...rest }) => ({
            ...rest,
            'flowident.layers': [...layers],
            seconds_ago: Math.max(0, (catalog.table.latestNs - atNs) / 1e9),
          })),
        }
      },
    )
  }
