import AjvCompiler from '@fastify/ajv-compiler'
import type { FastifyInstance, FastifyPluginAsync, FastifySchemaCompiler } from 'fastify'
import fp from 'fastify-plugin'
import { createBatchHandler } from './batch-handler.ts'
import { guardApp } from './dispatch/guard.ts'
import { isHosted } from './hosted-app.ts'
import { resolveOptions, type BatchOptions, type ResolvedOptions } from './options.ts'
import { createRespondAsync } from './respond-async.ts'
import { addBatchResource } from './respond-async/routes.ts'
import { shareExecutor } from './shared-executor.ts'
import { headerPolicy } from './subrequest/headers.ts'
import { batchBody, batchLine, batchProgress, batchResponse } from './wire/schema.ts'
import { compileBatchBody, refuseMediaType } from './wire/validate.ts'

/** The answer to a batch, by its media type. @fastify/swagger leaves the schemas of media types as they are. */
const { examples: [example], ...responseJson } = batchResponse
const responseSchema = {
  description: 'One answer for each item',
  content: { 'application/json': { schema: responseJson, example }, 'application/x-ndjson': { schema: batchLine } }
}

/** Adds a batch route to an app. It can be registered any number of times, in any context. */
const fastifyBatch: FastifyPluginAsync<BatchOptions> = async (instance, given) => {
  const options = resolveOptions(given)
  const { maxRequests, defaultContentType, jsonApi, dedupe, setCookie } = options
  const { onRequest = [], constraints, handlerTimeout, schema, ...route } = options.route
  const protectedHeaders = [...options.protectedHeaders, ...options.executor.protectedHeaders ?? []]
  const root = rootOf(instance)
  const executor = shareExecutor(options.executor)
  // In the format, but not among the methods that Fastify supports by itself.
  const methods = new Set(['CONNECT'])
  const routeName = instance.prefix + options.url + (constraints === undefined ? '' : ` ${JSON.stringify(constraints)}`)

  const rules = {
    headerPolicy: headerPolicy(protectedHeaders, options.inheritHeaders),
    defaultContentType,
    jsonApi,
    dedupe,
    methods,
    requestIdHeader: instance.initialConfig.requestIdHeader as string | false
  }
  const replySettings = { ...options, exposeCookies: setCookie === 'expose', forwardCookies: setCookie === 'forward' }
  const maxBodyBytes = options.route.bodyLimit ?? instance.initialConfig.bodyLimit!
  const runSettings = { ...replySettings, app: root, executor, maxBodyBytes }
  const shared = { route: routeName, options, rules, runSettings, replySettings }
  const respondAsync = options.respondAsync && createRespondAsync(shared, options.respondAsync)
  const handler = createBatchHandler({ ...shared, root, submit: respondAsync?.submit })
  const guard = guardApp(root)
  guard.allowed.set(routeName, options.allow)
  guard.markers.trust(options.secret)

  instance.addHook('onReady', async () => {
    for (const method of root.supportedMethods) methods.add(method)
    await options.executor.start?.(root)
    // Where subrequests are run for others, batches are not.
    if (!isHosted(root)) respondAsync?.start()
  })
  instance.addHook('preClose', async () => {
    handler.close()
    await respondAsync?.close()
  })
  instance.addHook('onClose', async () => { await executor.release() })

  // Whatever the app reads JSON with: a batch is read strictly.
  const parseJson = instance.getDefaultJsonParser('error', 'error')
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const error = refuseMediaType(request.headers['content-type']!)
    if (error === undefined) parseJson(request, body as string, done)
    else done(error)
  })

  instance.route({
    ...route,
    constraints,
    handlerTimeout: handlerTimeout ?? longerThan(options, instance),
    method: 'POST',
    url: options.url,
    schema: {
      summary: 'Several requests in one',
      ...schema,
      body: batchBody(maxRequests),
      response: {
        [options.responseStatus]: responseSchema,
        ...respondAsync === undefined ? {} : { 202: batchProgress },
        ...schema?.response as object
      }
    },
    validatorCompiler: compileWith(compileBatchBody(maxRequests), instance),
    // The answer is sent as text. This keeps the compiler of the app away from a schema that may be foreign to it.
    serializerCompiler: () => JSON.stringify,
    onRequest: [handler.onRequest, onRequest].flat(),
    handler: handler.handle
  })
  if (respondAsync !== undefined) addBatchResource(instance, options, respondAsync, responseSchema)
}

export default fp(fastifyBatch, { fastify: '^5.8.4', name: 'fastify-batch-requests', encapsulate: true })

/** Validates the body in our own way, and what else the user's schema has as the app does. */
function compileWith (
  validateBody: (body: unknown) => Error | undefined, instance: FastifyInstance
): FastifySchemaCompiler<unknown> {
  return definition => {
    if (definition.httpPart === 'body') {
      return body => {
        const error = validateBody(body)
        return error === undefined ? { value: body } : { error }
      }
    }
    const compile = instance.validatorCompiler ?? AjvCompiler()(instance.getSchemas() as {}, { customOptions: {} })
    return compile(definition as never)
  }
}

/** A `handlerTimeout` of the app would take the answers of a batch away: its own deadlines come first. */
function longerThan (options: ResolvedOptions, { initialConfig }: FastifyInstance): number | undefined {
  const { handlerTimeout } = initialConfig as { handlerTimeout?: number }
  if (!handlerTimeout) return undefined
  const { batchTimeout, subrequestTimeout, transaction } = options
  // To begin and to end a transaction has a deadline of its own each.
  return batchTimeout + (transaction === undefined ? 0 : 2 * subrequestTimeout) + 1000
}

function rootOf (instance: FastifyInstance): FastifyInstance {
  const parent = Object.getPrototypeOf(instance)
  return typeof parent.addHook === 'function' ? rootOf(parent) : instance
}
