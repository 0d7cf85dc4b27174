import { inspect } from 'node:util'
import Fastify from 'fastify'
import t from 'tap'
import batch, { concurrent, sequential, type BatchOptions } from '../../lib/index.ts'

async function register (options: object) {
  const app = Fastify()
  app.register(batch, options as BatchOptions)
  try {
    await app.ready()
  } finally {
    await app.close()
  }
}

const wrong: ReadonlyArray<readonly [options: object, message: string | RegExp]> = [
  [{ maxRequest: 5 }, 'option "maxRequest" must be left out, as there is no such option, got 5'],
  [{ url: 'batch' }, 'option "url" must be a path, got \'batch\''],
  [{ url: 5 }, 'option "url" must be a path, got 5'],
  [{ executor: 'concurrent' }, 'option "executor" must be an executor, got \'concurrent\''],
  [{ executor: null }, 'option "executor" must be an executor, got null'],
  [{ executor: concurrent }, 'option "executor" must be an executor, got [Function: concurrent]'],
  [{ executor: { name: 'x', perBatch: 1, total: 1 } }, 'option "executor" must be an executor, got { name: \'x\', perBatch: 1, total: 1 }'],
  [{ executor: { ...sequential(), name: 1 } }, /^option "executor" must be an executor, got { name: 1/],
  [{ executor: { ...sequential(), perBatch: 0 } }, /^option "executor" must be an executor/],
  [{ executor: { ...sequential(), total: 1.5 } }, /^option "executor" must be an executor/],
  [{ maxRequests: 0 }, 'option "maxRequests" must be an integer from 1, got 0'],
  [{ maxRequests: '20' }, 'option "maxRequests" must be an integer from 1, got \'20\''],
  [{ maxRequests: Infinity }, 'option "maxRequests" must be an integer from 1, got Infinity'],
  [{ inheritHeaders: 'cookie' }, 'option "inheritHeaders" must be an array of header names, got \'cookie\''],
  [{ inheritHeaders: ['a b'] }, 'option "inheritHeaders" must be an array of header names, got [ \'a b\' ]'],
  [{ inheritHeaders: [1] }, 'option "inheritHeaders" must be an array of header names, got [ 1 ]'],
  [{ protectedHeaders: ['a:'] }, 'option "protectedHeaders" must be an array of header names and prefixes that end in *, got [ \'a:\' ]'],
  [{ defaultContentType: 'json' }, 'option "defaultContentType" must be a media type, got \'json\''],
  [{ defaultContentType: 'text/plain\r\nx: y' }, /^option "defaultContentType" must be a media type/],
  [{ defaultContentType: null }, 'option "defaultContentType" must be a media type, got null'],
  [{ https: 'yes' }, 'option "https" must be true or false, got \'yes\''],
  [{ durationHeader: true }, 'option "durationHeader" must be a header name or false, got true'],
  [{ durationHeader: 'a b' }, 'option "durationHeader" must be a header name or false, got \'a b\''],
  [{ responseStatus: 404 }, 'option "responseStatus" must be an integer from 200 to 299 other than 204 and 205, got 404'],
  [{ responseStatus: 204 }, /^option "responseStatus" must be an integer from 200 to 299/],
  [{ responseStatus: 205 }, /^option "responseStatus" must be an integer from 200 to 299/],
  [{ responseBody: 'xml' }, 'option "responseBody" must be \'string\' or \'json\', got \'xml\''],
  [{ subrequestTimeout: 0 }, 'option "subrequestTimeout" must be an integer from 1 to 2147483647, got 0'],
  [{ batchTimeout: 2 ** 31 }, 'option "batchTimeout" must be an integer from 1 to 2147483647, got 2147483648'],
  [{ maxResponseBytes: -1 }, 'option "maxResponseBytes" must be an integer from 1, got -1'],
  [{ maxBatchResponseBytes: 1.5 }, 'option "maxBatchResponseBytes" must be an integer from 1 to 67108864, got 1.5'],
  [{ maxBatchResponseBytes: 2 ** 26 + 1 }, 'option "maxBatchResponseBytes" must be an integer from 1 to 67108864, got 67108865'],
  [{ maxInFlight: NaN }, 'option "maxInFlight" must be an integer from 1, got NaN'],
  [{ maxInFlight: 19 }, 'option "maxInFlight" must be an integer from maxRequests, which is 20, got 19'],
  [{ jsonApi: 'yes' }, 'option "jsonApi" must be true or false, got \'yes\''],
  [{ setCookie: true }, 'option "setCookie" must be \'forward\' or \'expose\' or \'drop\', got true'],
  [{ allow: ['/x'] }, 'option "allow" must be a function, got [ \'/x\' ]'],
  [{ respondAsync: true }, 'option "respondAsync" must be an object, got true'],
  [{ respondAsync: { owners: 1 } }, 'option "respondAsync.owners" must be left out, as there is no such option, got 1'],
  [{ respondAsync: { owner: 'me' } }, 'option "respondAsync.owner" must be a function, got \'me\''],
  [{ respondAsync: { batchTimeout: 0 } }, 'option "respondAsync.batchTimeout" must be an integer from 1 to 2147483647, got 0'],
  [{ respondAsync: { subrequestTimeout: '1' } }, /^option "respondAsync.subrequestTimeout" must be an integer/],
  [{ respondAsync: { lifetime: 2 ** 31 } }, /^option "respondAsync.lifetime" must be an integer/],
  [{ respondAsync: { maxBatches: 0 } }, /^option "respondAsync.maxBatches" must be an integer from 1, got 0/],
  [{ respondAsync: { concurrency: 1.5 } }, /^option "respondAsync.concurrency" must be an integer from 1, got 1.5/],
  [{ respondAsync: {} }, 'option "respondAsync" must be left out, as the executor "sequential" cannot store batches, got {}'],
  [{ route: null }, 'option "route" must be an object, got null'],
  [{ route: { url: '/x' } }, 'option "route.url" must be left to the plugin, got \'/x\''],
  [{ route: { method: 'PUT' } }, 'option "route.method" must be left to the plugin, got \'PUT\''],
  [{ route: { handler: 1 } }, 'option "route.handler" must be left to the plugin, got 1'],
  [{ route: { validatorCompiler: 1 } }, 'option "route.validatorCompiler" must be left to the plugin, got 1'],
  [{ route: { serializerCompiler: 1 } }, 'option "route.serializerCompiler" must be left to the plugin, got 1'],
  [{ route: { attachValidation: true } }, 'option "route.attachValidation" must be left to the plugin, got true'],
  [{ route: { schema: { body: {} } } }, 'option "route.schema.body" must be left to the plugin, got {}']
]

t.test('a wrong option makes register fail, and says what was wanted and what was given', async t => {
  for (const [options, message] of wrong) {
    await t.rejects(register(options), { code: 'FST_BATCH_INVALID_OPTION', message }, String(message))
  }
})

t.test('a long value is cut off', async t => {
  await t.rejects(register({ url: 'x'.repeat(1000) }), { message: `option "url" must be a path, got '${'x'.repeat(79)}…` })
})

t.test('what is undefined is left out', async t => {
  const undefinedOptions = Object.fromEntries([
    'url', 'executor', 'maxRequests', 'inheritHeaders', 'protectedHeaders', 'defaultContentType', 'https', 'durationHeader',
    'responseStatus', 'responseBody', 'subrequestTimeout', 'batchTimeout', 'maxResponseBytes', 'maxBatchResponseBytes',
    'maxInFlight', 'setCookie', 'jsonApi', 'allow', 'route'
  ].map(name => [name, undefined]))
  await t.resolves(register(undefinedOptions))
})

t.test('options of register itself are let through', async t => {
  await t.resolves(register({ prefix: '/v1', logLevel: 'warn', logSerializers: {} }))
})

t.test('the limit of a concurrent executor is checked too', async t => {
  for (const limit of [0, 1.5, '8', Infinity, null]) {
    t.throws(() => concurrent({ limit: limit as number }), {
      code: 'FST_BATCH_INVALID_OPTION', message: `option "limit" must be an integer from 1, got ${inspect(limit)}`
    })
  }
  t.equal(concurrent().total, 4 * (await import('node:os')).availableParallelism())
})

t.test('the dispatcher of an executor is checked too', async t => {
  for (const make of [sequential, concurrent]) {
    for (const dispatch of ['http', '', 'toString', null, {}]) {
      t.throws(() => make({ dispatch: dispatch as 'direct' }), {
        code: 'FST_BATCH_INVALID_OPTION', message: `option "dispatch" must be 'inject' or 'direct', got ${inspect(dispatch)}`
      })
    }
    t.equal(make().execute, make({ dispatch: 'inject' }).execute)
    t.not(make().execute, make({ dispatch: 'direct' }).execute)
  }
})

t.test('nothing of the options is changed, and later changes have no effect', async t => {
  const options: BatchOptions = Object.freeze({
    inheritHeaders: Object.freeze(['X-A']), protectedHeaders: Object.freeze(['X-B']), route: Object.freeze({ config: Object.freeze({}) })
  })
  await t.resolves(register(options))
})
