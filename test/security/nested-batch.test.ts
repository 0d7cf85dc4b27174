// Twenty items of twenty items of twenty items are 8000 requests in 150 kB: a batch may not contain a batch.
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, listen, parseContext, sendBatch, testEach } from '../helper.ts'

const inner = { batch: [{ method: 'get', url: '/leaf' }] }

function nested (url: string, headers: Record<string, string> = {}) {
  return { method: 'post', url, headers, body: inner }
}

testEach('an item that reaches a batch route is 400, however it is spelled', async (t, dispatch) => {
  const app = Fastify({
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false },
    rewriteUrl: ({ url }) => url === '/alias' ? '/batch' : url!
  })
  t.teardown(() => app.close())
  let leaves = 0
  app.register(batch, { executor: sequential({ dispatch }) })
  app.register(batch, { url: '/other', prefix: '/v1', executor: concurrent({ dispatch }) })
  app.get('/leaf', async () => { leaves++ })
  await listen(app)

  for (const url of [
    '/batch', '/batch/', '/batch?x', '/batch?', '/BATCH', '/Batch', '/%62atch', '/b%61tch', '/%62%61%74%63%68', '/batch//',
    '/alias', '/v1/other', '/v1//other', '/V1/OTHER/', '/v1/%6fther'
  ]) {
    for (const headers of [undefined, { 'content-type': 'text/plain' }]) {
      const { batch: [answer] } = await sendBatch(app, [nested(url, headers)])
      t.strictSame(JSON.parse(answer!.body), {
        statusCode: 400, code: 'FST_BATCH_NESTED', error: 'Bad Request', message: 'a batch may not be sent from inside a batch'
      }, url)
    }
  }
  for (const url of ['/x/../batch', '/%2e%2e/batch', '/./batch', 'batch', '//batch', 'http://h/batch', '/\\batch', '/b\natch', '/batch#x']) {
    t.equal((await sendBatch(app, [nested(url)])).status, 400, url)
  }
  t.equal(leaves, 0)
  t.equal((await sendBatch(app, inner.batch)).batch[0]!.status_code, 200)
  t.equal(leaves, 1)
})

testEach('a handler inside a batch cannot send one through inject', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const depths: string[] = []
  app.get('/leaf', async () => { depths.push('leaf') })
  app.get('/indirect', async () => {
    await new Promise(setImmediate)
    return (await app.inject({ method: 'POST', url: '/batch', payload: inner })).payload
  })
  app.get('/twice-removed', async () => (await app.inject('/indirect')).payload)
  app.get('/from-a-hook', {
    preHandler: async (_request, reply) => {
      const response = await app.inject({ method: 'POST', url: '/batch', payload: inner })
      return reply.send(response.payload)
    }
  }, async () => 'never')
  await listen(app)

  // Twice: the first injected batch of a process is told by what runs, later ones by where they come from.
  for (let i = 0; i < 2; i++) {
    const { batch: answers } = await sendBatch(app, ['/indirect', '/twice-removed', '/from-a-hook'].map(url => ({ method: 'get', url })))
    for (const answer of answers) t.match(JSON.parse(answer.body), { code: 'FST_BATCH_NESTED' })
  }
  t.strictSame(depths, [])
  t.equal((await app.inject({ method: 'POST', url: '/batch', payload: inner })).json().batch[0].status_code, 200)
  t.match((await app.inject('/indirect')).json(), { batch: [{ status_code: 200 }] }, 'outside of a batch it may')
})

testEach('an abandoned handler cannot either', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 30 })
  const open = latch()
  const answered = latch<number>()
  app.get('/leaf', async () => 'leaf')
  app.get('/late', async () => {
    await open.promise
    answered.open((await app.inject({ method: 'POST', url: '/batch', payload: inner })).statusCode)
  })
  t.equal((await injectBatch(app, [{ method: 'get', url: '/late' }])).batch[0]!.status_code, 504)
  open.open()
  t.equal(await answered.promise, 400)
})

testEach('other requests may be injected from inside a batch, and are not part of it', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/who', async request => request.batch)
  app.get('/indirect', async request => [request.batch, (await app.inject('/who')).json()])
  const { batch: [answer] } = await injectBatch(app, [{ method: 'get', url: '/indirect' }])
  t.strictSame(parseContext(answer!.body), [{ requestId: 'req-1', index: 0, size: 1, deadline: 'number' }, null])
})

testEach('batches from sockets at the same time are not nested', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const started = latch()
  const release = latch()
  app.get('/wait', async () => {
    started.open()
    await release.promise
    return 'first'
  })
  app.get('/', async () => 'second')
  await listen(app)
  const first = sendBatch(app, [{ method: 'get', url: '/wait' }])
  await started.promise
  t.equal((await sendBatch(app, [{ method: 'get', url: '/' }])).batch[0]!.body, 'second')
  release.open()
  t.equal((await first).batch[0]!.body, 'first')
})
