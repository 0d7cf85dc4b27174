// What may be batched is decided on the route that was matched, never on the url that was sent.
import t from 'tap'
import Fastify from 'fastify'
import batch, { sequential } from '../../lib/index.ts'
import { build, injectBatch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('config.batch false takes a route out, however its url is spelled', async (t, dispatch) => {
  const app = Fastify({
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false },
    rewriteUrl: ({ url }) => url === '/alias' ? '/admin/secret' : url!
  })
  t.teardown(() => app.close())
  let reached = 0
  app.register(async child => {
    child.get('/secret', { config: { batch: false } }, async () => { reached++ })
    child.all('/all/:name', { config: { batch: false } }, async () => { reached++ })
    child.get('/open', async () => 'open')
  }, { prefix: '/admin' })
  app.register(batch, { executor: sequential({ dispatch }) })

  for (const url of [
    '/admin/secret', '/admin/secret/', '/admin//secret', '/ADMIN/Secret', '/admin/%73ecret', '/admin/secret?x', '/%61dmin/secret', '/alias',
    '/admin/all/x', '/admin/all/%2e%2e', '/admin/all/a%2fb'
  ]) {
    const { status, batch } = await injectBatch(app, [get(url), get('/admin/open')])
    if (status === 400) continue // a dot segment
    t.match(batch[0], { status_code: 403, reason_phrase: 'Forbidden' }, url)
    t.match(JSON.parse(batch[0]!.body), { code: 'FST_BATCH_ROUTE_NOT_ALLOWED', message: /^route GET \/admin\/(secret|all\/:name) may not be batched$/ })
    t.equal(batch[1]!.body, 'open')
  }
  for (const url of ['/x/../admin/secret', '/admin/./secret', '/admin\\secret', '/admin/secret#', '/admin/sec\tret']) {
    t.equal((await injectBatch(app, [get(url)])).status, 400, url)
  }
  t.equal(reached, 0)
  t.equal((await app.inject('/admin/secret')).statusCode, 200, 'alone it is reached')
})

testEach('the HEAD route that Fastify adds is out as well', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) }, { exposeHeadRoutes: true })
  app.get('/', { config: { batch: false } }, async () => 'x')
  const { batch } = await injectBatch(app, [{ method: 'head', url: '/' }])
  t.equal(batch[0]!.status_code, 403)
})

testEach('allow decides instead, and sees the matched route', async (t, dispatch) => {
  const app = build(t, {
    executor: sequential({ dispatch }),
    allow: ({ url, method, config }) => url === '/users/:id' && method === 'GET' && (config as { open?: boolean }).open === true
  })
  app.get('/users/:id', { config: { open: true, batch: false } as object }, async () => 'user')
  app.put('/users/:id', { config: { open: true } as object }, async () => 'put')
  app.get('/other', async () => 'other')
  const { batch } = await injectBatch(app, [get('/users/1'), { method: 'put', url: '/users/1' }, get('/other'), get('/nowhere')])
  t.strictSame(batch.map(answer => answer.status_code), [200, 403, 403, 404])
})

testEach('an allow that throws keeps the route closed', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), allow: () => { throw new Error('broken') } })
  let reached = 0
  app.get('/', async () => { reached++ })
  const { batch } = await injectBatch(app, [get('/')])
  t.equal(batch[0]!.status_code, 500)
  t.equal(reached, 0)
})

testEach('the refusal keeps its shape, whatever error handler the app has', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.setErrorHandler((_error, _request, reply) => { reply.code(200).send('fine') })
  app.get('/', { config: { batch: false } }, async () => 'x')
  const { batch } = await injectBatch(app, [get('/')])
  t.match(batch[0], { status_code: 403, headers: { 'content-type': 'application/json; charset=utf-8' } })
})

testEach('hooks of the app see the refusal as an answer like others', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const statuses: number[] = []
  app.addHook('onResponse', async (request, reply) => { if (request.batch !== null) statuses.push(reply.statusCode) })
  app.get('/', { config: { batch: false } }, async () => 'x')
  await injectBatch(app, [get('/')])
  t.strictSame(statuses, [403])
})

t.test('if inject changes, subrequests are refused rather than let past the guard', async t => {
  interface Injected { _lightMyRequest?: { onEndSuccess?: unknown } }
  const changes: Array<(request: Injected, response: Injected) => void> = [
    request => { delete request._lightMyRequest },
    (_request, response) => { delete response._lightMyRequest!.onEndSuccess }
  ]
  for (const change of changes) {
    const app = Fastify()
    t.teardown(() => app.close())
    app.addHook('onRequest', async (request, reply) => {
      if (request.url === '/hidden') change(request.raw as Injected, reply.raw as Injected)
    })
    app.register(batch)
    let reached = 0
    app.get('/hidden', { config: { batch: false } }, async () => { reached++ })
    const { batch: [answer] } = await injectBatch(app, [get('/hidden')])
    t.match(JSON.parse(answer!.body), { statusCode: 500, code: 'FST_BATCH_UNSUPPORTED_INJECT' })
    t.equal(reached, 0)
  }
})
