import Fastify, { type FastifyPluginCallback } from 'fastify'
import t from 'tap'
import batch from '../../lib/index.ts'
import { build, injectBatch, parseContext } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

t.test('prefix and url apply', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(batch, { prefix: '/v1' })
  app.register(batch, { prefix: '/v2', url: '/many' })
  app.register(batch, { prefix: '/v3', url: '' })
  app.get('/', async () => 'x')
  for (const path of ['/v1/batch', '/v2/many', '/v3']) {
    t.equal((await injectBatch(app, [get('/')], { path })).batch[0]!.body, 'x', path)
  }
  t.equal((await injectBatch(app, [get('/')])).status, 404)
})

t.test('several batch routes in one app keep their options apart', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(batch, { url: '/strings', durationHeader: false })
  app.register(async child => {
    child.register(batch, { url: '/json', responseBody: 'json', maxRequests: 1, responseStatus: 207 })
  }, { prefix: '/nested' })
  app.get('/', async () => ({ a: 1 }))
  const strings = await injectBatch(app, [get('/'), get('/')], { path: '/strings' })
  t.match(strings, { status: 200, batch: [{ body: '{"a":1}' }, { body: '{"a":1}' }] })
  const json = await injectBatch(app, [get('/')], { path: '/nested/json' })
  t.match(json, { status: 207, batch: [{ body: { a: 1 } }] })
  t.equal((await injectBatch(app, [get('/'), get('/')], { path: '/nested/json' })).status, 400)
})

t.test('an item reaches every route, whatever its context and whenever it was registered', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const answerBatch: FastifyPluginCallback<{ path: string }> = (instance, { path }, done) => {
    instance.get(path, async request => request.batch)
    done()
  }
  app.get('/before', async request => request.batch)
  app.register(answerBatch, { path: '/sibling-before' })
  app.register(async child => {
    child.register(batch, { url: '/batch' })
    child.register(answerBatch, { path: '/cousin' })
  }, { prefix: '/api' })
  app.register(answerBatch, { path: '/sibling-after' })
  app.get('/after', async request => request.batch)

  const urls = ['/before', '/sibling-before', '/api/cousin', '/sibling-after', '/after']
  const { batch: answers } = await injectBatch(app, urls.map(get), { path: '/api/batch' })
  t.strictSame(answers.map(answer => parseContext(answer.body)), urls.map((_url, index) => (
    { requestId: 'req-1', index, size: 5, deadline: 'number' }
  )))
  for (const url of urls) t.equal((await app.inject(url)).body, 'null', 'an ordinary request is not a subrequest')
})

t.test('hooks of the batch route, and of its context, run for the batch', async t => {
  const calls: string[] = []
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(async child => {
    child.addHook('onRequest', async () => { calls.push('context') })
    child.register(batch, {
      route: {
        config: { own: 'config' } as object,
        onRequest: [async () => { calls.push('first') }, async () => { calls.push('second') }],
        preHandler: async (request, reply) => {
          calls.push(String((request.routeOptions.config as { own?: string }).own))
          if (request.headers.authorization !== 'Bearer 1') return reply.code(401).send({ error: 'who?' })
        }
      }
    })
  })
  app.get('/', async () => { calls.push('item') })
  t.equal((await injectBatch(app, [get('/')])).status, 401)
  t.strictSame(calls.splice(0), ['context', 'first', 'second', 'config'])
  t.equal((await injectBatch(app, [get('/')], { headers: { authorization: 'Bearer 1' } })).status, 200)
  t.strictSame(calls, ['context', 'first', 'second', 'config', 'item'])
})

t.test('bodyLimit and constraints of the batch route', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(batch, { route: { constraints: { version: '1.0.0' }, bodyLimit: 200 } })
  app.register(batch, { route: { constraints: { version: '2.0.0' } }, allow: () => false })
  app.get('/', async () => 'x')
  const answered = await injectBatch(app, [get('/')], { headers: { 'accept-version': '1.x' } })
  t.equal(answered.batch[0]!.status_code, 200)
  t.equal((await injectBatch(app, Array(20).fill(get('/')), { headers: { 'accept-version': '1.x' } })).status, 413)
  const other = await injectBatch(app, [get('/')], { headers: { 'accept-version': '2.x' } })
  t.equal(other.batch[0]!.status_code, 403, 'each keeps what it allows')
})

t.test('the error handler of the app answers for the batch as a whole', async t => {
  const app = build(t)
  app.setErrorHandler((error: Error & { code: string }, _request, reply) => {
    reply.code(418).send({ own: error.code })
  })
  const { status, json } = await injectBatch(app, [get('bad')])
  t.equal(status, 418)
  t.strictSame(json, { own: 'FST_BATCH_INVALID_URL' })
})

t.test('the compilers of the app do not touch the batch route', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  // As apps with another schema library have them: every schema that is not of that library is an error.
  const foreign = (kind: string) => ({ schema }: { schema: any }) => {
    if (!schema.parse) throw new Error(`${kind}: not a schema of ours`)
    return (value: unknown) => ({ value })
  }
  app.setValidatorCompiler(foreign('validator') as never)
  app.setSerializerCompiler((() => { throw new Error('serializer: not a schema of ours') }) as never)
  app.register(batch)
  app.get('/', async () => 'x')
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.body, 'x')
  t.equal((await injectBatch(app, [{ method: 'get' } as never])).status, 400)
})

t.test('the batch route may have a schema for its query and headers', async t => {
  const schema = { querystring: { type: 'object', required: ['tenant'], properties: { tenant: { type: 'integer' } } } }
  const seen: unknown[] = []
  for (const withRoutes of [true, false]) {
    const app = Fastify()
    t.teardown(() => app.close())
    if (withRoutes) app.get('/', { schema }, async () => 'x')
    app.register(batch, { route: { schema, preHandler: async request => { seen.push(request.query) } } })
    t.match((await injectBatch(app, [get('/?tenant=1')])).json, { statusCode: 400, code: 'FST_ERR_VALIDATION' })
    t.equal((await injectBatch(app, [get('/?tenant=1')], { path: '/batch?tenant=7' })).status, 200)
  }
  t.same(seen, [{ tenant: 7 }, { tenant: 7 }])

  const app = Fastify()
  t.teardown(() => app.close())
  app.setValidatorCompiler(() => () => ({ error: new Error('own compiler') }))
  app.register(batch, { route: { schema } })
  t.match((await injectBatch(app, [get('/')])).json, { message: 'own compiler' })
})

t.test('a handlerTimeout of the app does not take the answers of a batch away', async t => {
  const app = Fastify({ handlerTimeout: 60 })
  t.teardown(() => app.close())
  const timeouts: unknown[] = []
  app.addHook('onRoute', ({ url, handlerTimeout }) => { if (url.startsWith('/batch')) timeouts.push(handlerTimeout) })
  app.register(batch, { subrequestTimeout: 5000 })
  app.register(batch, { url: '/batch/own', route: { handlerTimeout: 70 } })
  const transaction = { begin () {}, commit () {}, rollback () {} }
  app.register(batch, { url: '/batch/atomic', subrequestTimeout: 5000, transaction })
  app.get('/never', async () => { await new Promise(() => {}) })
  const { batch: answers } = await injectBatch(app, [get('/never'), get('/never'), get('/nowhere')])
  t.strictSame(answers.map(answer => answer.status_code), [503, 503, 404], 'it holds for each subrequest')
  t.strictSame(timeouts, [51_000, 70, 61_000], 'where a transaction may begin and end in time')
})

t.test('a request decorator called batch of the app is not overwritten', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('batch', null)
  app.register(batch)
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

t.test('methods that are added to the app are valid in items', async t => {
  const app = build(t)
  app.addHttpMethod('PROPFIND')
  app.route({ method: 'PROPFIND', url: '/', handler: async request => request.method })
  const { batch: [answer] } = await injectBatch(app, [{ method: 'propfind', url: '/' }])
  t.equal(answer!.body, 'PROPFIND')

  for (const method of ['MKCOL', 'FOO', 'gEt ', '', 'G\nET', 'constructor']) {
    const { status, json } = await injectBatch(app, [{ method, url: '/' }])
    t.equal(status, 400)
    t.match(json, { code: 'FST_BATCH_INVALID_METHOD', message: `batch/0/method: "${JSON.stringify(method).slice(1, -1)}" is not supported` })
  }
})
