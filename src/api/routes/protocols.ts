// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/protocols
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { protocolId } from '../../flows/protocols.js'
import { LABELS, PROTOCOLS } from '../../gen/protocols.js'
import type { Pack } from '../../packs/compile.js'
import type { ApiContext } from '../context.js'
import { problems } from '../schemas.js'

const ofPack = ({ name, transport, file }: Pack) => ({
  id: protocolId(name) ?? 0,
  name,
  title: name,
  transports: [transport],
  ports: [],
  then: [],
  signatures: [],
  pack: file,
})

export const protocolRoutes =
  ({ packs }: Pick<ApiContext, 'packs'>): FastifyPluginAsyncTypebox =>
  async (app) => {
    const protocols = PROTOCOLS.map(({ id, name, title, transports, ports, then, signatures }) => ({
      id,
      name,
      title,
      transports: [...transports],
      ports: [...ports],
      then: [...then],
      signatures: Object.entries(signatures).map(([number, description]) => ({ number: Number(number), description })),
    }))
    const labels = LABELS.map(({ key, help }) => ({ key, help }))
    app.get(
      '/protocols',
      {
        schema: {
          summary: 'Protocols that are told apart, and labels that are read',
          response: {
            200: Type.Object({
              protocols: Type.Array(
                Type.Object({
                  id: Type.Integer(),
                  name: Type.String(),
                  title: Type.String(),
                  transports: Type.Array(Type.String()),
                  ports: Type.Array(Type.Integer(), { description: 'usual ones: a hint' }),
                  then: Type.Array(Type.String(), { description: 'protocols that may take over' }),
                  signatures: Type.Array(Type.Object({ number: Type.Integer(), description: Type.String() })),
                  pack: Type.Optional(Type.String({ description: 'file of the signature pack that defines it' })),
                }),
              ),
              labels: Type.Array(Type.Object({ key: Type.String(), help: Type.String() })),
            }),
            ...problems,
          },
        },
      },
      async () => ({ protocols: [...protocols, ...packs.packs.map(ofPack)], labels }),
    )
  }
