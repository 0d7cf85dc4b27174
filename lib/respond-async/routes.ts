import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import type { ResolvedOptions } from '../options.ts'
import { sayHowToCache } from '../reply/caching.ts'
import type { RespondAsync } from '../respond-async.ts'
import { batchProgress } from '../wire/schema.ts'

/** Adds the routes of stored batches beside a batch route, with the hooks and the rest that it has. */
export function addBatchResource (
  instance: FastifyInstance, { url, route, responseStatus }: ResolvedOptions, { resource }: RespondAsync, answer: object
): void {
  const { onRequest = [], bodyLimit, schema, config, ...rest } = route
  const shared: Omit<RouteOptions, 'handler' | 'method' | 'schema'> = {
    ...rest,
    url: `${url}/:batchId`,
    // What runs batches for others has none of its own.
    config: { ...config, batch: false },
    onRequest: [beforeAll, onRequest].flat()
  }
  instance.route({
    ...shared,
    method: 'GET',
    // Who follows a batch waits for as long as it takes.
    handlerTimeout: 2 ** 31 - 1,
    schema: {
      ...documented(schema),
      summary: 'How far a batch has come, or its answer',
      response: { [responseStatus]: answer, 202: batchProgress }
    },
    serializerCompiler: () => JSON.stringify,
    handler: (request, reply) => resource.get(request, reply)
  })
  instance.route({
    ...shared,
    method: 'DELETE',
    schema: { ...documented(schema), summary: 'Starts nothing further of a batch', response: { 204: { type: 'null' } } },
    handler: (request, reply) => resource.cancel(request, reply)
  })
}

function beforeAll (_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  sayHowToCache(reply, 'accept')
  done()
}

/** What is said of a batch route that is true of these as well. */
function documented (schema: FastifySchema = {}): FastifySchema {
  const { summary, description, operationId, response, ...rest } = schema as FastifySchema & Record<string, unknown>
  return rest
}
