// The README of django-batch-requests, sentence by sentence, in Fastify's terms.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { concurrent } from '../lib/index.ts'
import { build, listen, sendBatch, type Answered, type Teardown } from './helper.ts'

const views = { url: '/views/', method: 'get' }
const sleepy = { url: '/sleep/?seconds=0.2', method: 'get' }
const text = { url: '/views/', method: 'post', body: '{"text": "some text"}', headers: { 'Content-Type': 'application/json' } }

function buildViews (t: Teardown, options: Parameters<typeof build>[1] = {}) {
  const app = build(t, options)
  app.get('/views/', async (_request, reply) => reply.type('text/html; charset=utf-8').send('Success!'))
  app.post('/views/', async (request, reply) => reply.code(201).send(JSON.stringify(request.body)))
  app.get('/sleep/', async request => {
    await sleep(1000 * Number((request.query as { seconds: string }).seconds))
    return 'Success!'
  })
  return app
}

t.test('combines several requests into a single one', async t => {
  const app = await listen(buildViews(t))
  const { status, headers, batch } = await sendBatch(app, [views, text])

  t.equal(status, 200)
  t.match(headers['content-type'], 'application/json')
  t.equal(batch.length, 2)
  t.match(batch[0], {
    headers: { 'content-type': 'text/html; charset=utf-8' }, status_code: 200, body: 'Success!', reason_phrase: 'OK'
  })
  t.match(batch[1], { status_code: 201, body: '{"text":"some text"}', reason_phrase: 'Created' })
})

t.test('the only setup is to register it', async t => {
  const app = await listen(buildViews(t))
  t.equal((await sendBatch(app, [views])).batch[0]!.body, 'Success!')
})

t.test('every method is valid, in any letter case', async t => {
  const app = buildViews(t)
  app.all('/method', async request => request.method)
  await listen(app)

  const methods = ['get', 'POST', 'Put', 'patch', 'DELETE', 'head', 'OPTIONS', 'trace']
  const { batch } = await sendBatch(app, methods.map(method => ({ method, url: '/method' })))
  t.strictSame(batch.map(answer => answer.status_code), methods.map(() => 200))
  t.strictSame(batch.map(answer => answer.body), methods.map(method => method === 'head' ? '' : method.toUpperCase()))

  const connect = await sendBatch(app, [{ method: 'CONNECT', url: '/method' }])
  t.equal(connect.batch[0]!.status_code, 404, 'no route of this app takes CONNECT')
})

t.test('url and method are what an item needs at the minimum', async t => {
  const app = await listen(buildViews(t))
  t.equal((await sendBatch(app, [{ method: 'get' }])).json.message, 'batch/0/url: expected required property')
  t.equal((await sendBatch(app, [{ url: '/' }])).json.message, 'batch/0/method: expected required property')
  t.equal((await sendBatch(app, [views])).status, 200)
})

t.test('additional headers are passed to the request', async t => {
  const app = buildViews(t)
  app.get('/header', async request => request.headers['x-additional'])
  await listen(app)
  const { batch } = await sendBatch(app, [{ method: 'get', url: '/header', headers: { 'X-Additional': 'yes' } }])
  t.equal(batch[0]!.body, 'yes')
})

t.test('answers are in the order of the requests, however long each takes', async t => {
  const app = await listen(buildViews(t, { executor: concurrent({ limit: 3 }) }))
  const { batch } = await sendBatch(app, [{ method: 'get', url: '/sleep/?seconds=0.05' }, views, text])
  t.strictSame(batch.map(answer => answer.body), ['Success!', 'Success!', '{"text":"some text"}'])
})

t.test('requests run one after another by default', async t => {
  const app = await listen(buildViews(t))
  const { headers, batch } = await sendBatch(app, [sleepy, sleepy])
  for (const { headers } of batch) t.ok(headers['batch_requests.duration'] as number >= 0.19, 'each took its time')
  t.ok(Number(headers['batch_requests.duration']) >= durations(batch), 'the batch took the sum of the requests')
})

t.test('with a concurrent executor they run at the same time', async t => {
  const app = await listen(buildViews(t, { executor: concurrent() }))
  const { headers, batch } = await sendBatch(app, [sleepy, sleepy])
  for (const { headers } of batch) t.ok(headers['batch_requests.duration'] as number >= 0.19, 'each took its time')
  t.ok(Number(headers['batch_requests.duration']) < durations(batch), 'the batch took less than the sum')
})

t.test('the number of workers is a setting', async t => {
  const app = buildViews(t, { executor: concurrent({ limit: 2 }) })
  let running = 0
  let most = 0
  app.get('/count', async () => {
    most = Math.max(most, ++running)
    await sleep(1)
    running--
  })
  await listen(app)
  await sendBatch(app, Array.from({ length: 8 }, () => ({ method: 'get', url: '/count' })))
  t.equal(most, 2)
})

t.test('the duration header can be turned off', async t => {
  const app = await listen(buildViews(t, { durationHeader: false }))
  const { headers, batch } = await sendBatch(app, [views])
  t.notOk('batch_requests.duration' in headers)
  t.notOk('batch_requests.duration' in batch[0]!.headers)
})

t.test('the duration header can have another name', async t => {
  const app = await listen(buildViews(t, { durationHeader: 'x-took' }))
  const { headers, batch } = await sendBatch(app, [views])
  t.match(headers['x-took'], /^0\.\d+$/)
  t.type(batch[0]!.headers['x-took'], 'number')
  t.notOk('batch_requests.duration' in headers)
})

t.test('the user who is logged in is logged in for every request', async t => {
  const app = buildViews(t)
  app.get('/me', {
    onRequest: async (request, reply) => {
      if (request.headers.authorization !== 'Bearer ada' || request.headers.cookie !== 'session=1') reply.code(401).send()
    }
  }, async () => 'Ada')
  await listen(app)

  const me = [{ method: 'get', url: '/me' }]
  t.equal((await sendBatch(app, me)).batch[0]!.status_code, 401)
  const headers = { authorization: 'Bearer ada', cookie: 'session=1' }
  t.equal((await sendBatch(app, me, { headers })).batch[0]!.body, 'Ada')
})

t.test('of its forks: at most 20 requests, or as many as set', async t => {
  const app = await listen(buildViews(t))
  t.equal((await sendBatch(app, Array(20).fill(views))).status, 200)
  t.match((await sendBatch(app, Array(21).fill(views))).json, {
    statusCode: 400, code: 'FST_BATCH_TOO_MANY_REQUESTS', message: 'batch: has 21 items, the limit is 20'
  })
  const larger = await listen(buildViews(t, { maxRequests: 21 }))
  t.equal((await sendBatch(larger, Array(21).fill(views))).status, 200)
})

t.test('of its forks: the status of an answered batch', async t => {
  const app = await listen(buildViews(t, { responseStatus: 207 }))
  const { status, batch } = await sendBatch(app, [views])
  t.equal(status, 207)
  t.equal(batch[0]!.status_code, 200)
})

t.test('of its forks: JSON bodies, both ways', async t => {
  const app = buildViews(t, { responseBody: 'json' })
  app.post('/json', async request => request.body)
  await listen(app)
  const { batch } = await sendBatch(app, [{ ...text, url: '/json', body: { text: 'some text' } }, views])
  t.strictSame(batch.map(answer => answer.body), [{ text: 'some text' }, 'Success!'])
})

t.test('of its forks: a request timeout, which really fires', async t => {
  const app = buildViews(t, { subrequestTimeout: 50 })
  app.get('/never', () => {})
  await listen(app)
  const { batch } = await sendBatch(app, [{ method: 'get', url: '/never' }, views])
  t.match(batch[0], { status_code: 504, reason_phrase: 'Gateway Timeout', outcome: 'unknown' })
  t.match(batch[1], { status_code: 200, body: 'Success!' })
})

t.test('of its forks: an unknown url is a 404 of that item', async t => {
  const app = await listen(buildViews(t))
  const { batch } = await sendBatch(app, [{ method: 'get', url: '/nowhere' }, views])
  t.strictSame(batch.map(answer => answer.status_code), [404, 200])
})

function durations (batch: Answered['batch']) {
  return batch.reduce((sum, { headers }) => sum + (headers['batch_requests.duration'] as number), 0)
}
