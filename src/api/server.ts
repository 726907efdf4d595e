// SPDX-License-Identifier: Apache-2.0
// The API: routes and their limits. Where it listens is in listen.ts.
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type FastifyInstance, fastify, LogController } from 'fastify'
import type { Logger } from '../log.js'
import type { ApiContext } from './context.js'
import { badUrl, installProblems } from './problem.js'
import { eventRoutes } from './routes/events.js'
import { flowRoutes } from './routes/flows.js'
import { healthRoutes } from './routes/health.js'
import { protocolRoutes } from './routes/protocols.js'
import { contractRoutes } from './routes/contracts.js'
import { ruleRoutes } from './routes/rules.js'
import { serviceRoutes } from './routes/services.js'

const BODY_BYTES = 4096
const PATH_PART = 256

/** The whole API, listening nowhere yet. */
export const buildApi = async (context: ApiContext, log: Logger): Promise<FastifyInstance> => {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES,
    routerOptions: { maxParamLength: PATH_PART },
    frameworkErrors: badUrl,
    // A parameter that nobody knows is a mistake to be told, not one to be dropped.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, useDefaults: true, allErrors: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  // The schemas document the answers; filtering by them would cost more than the answer.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  installProblems(app as unknown as FastifyInstance)
  app.addHook('onRequest', async (_request, reply) => {
    void reply.header('cache-control', 'no-store')
  })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'flowident',
        version: context.version,
        description:
          'Which service is this flow, what does it speak, and how is that known. 64-bit counters are JSON numbers up to 2^53 - 1 and strings of digits above.',
      },
    },
  })
  await app.register(flowRoutes(context), { prefix: '/api/v1' })
  await app.register(serviceRoutes(context), { prefix: '/api/v1' })
  await app.register(protocolRoutes(context), { prefix: '/api/v1' })
  await app.register(ruleRoutes(context), { prefix: '/api/v1' })
  await app.register(contractRoutes(context), { prefix: '/api/v1' })
  await app.register(eventRoutes(context), { prefix: '/api/v1' })
  await app.register(healthRoutes(context))
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  await app.ready()
  return app as unknown as FastifyInstance
}
