import { once } from 'node:events'
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('an answer larger than maxResponseBytes is 502, and the others are kept', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxResponseBytes: 1000 })
  app.get('/:size', async request => 'x'.repeat(Number((request.params as { size: string }).size)))
  app.get('/bytes', async () => Buffer.alloc(1001))
  app.get('/wide', async () => 'é'.repeat(501))
  const { batch } = await injectBatch(app, [get('/1000'), get('/1001'), get('/bytes'), get('/wide'), get('/1')])
  t.strictSame(batch.map(answer => answer.status_code), [200, 502, 502, 502, 200])
  t.match(batch[1], { outcome: 'unknown', reason_phrase: 'Bad Gateway' })
  t.strictSame(JSON.parse(batch[1]!.body), {
    statusCode: 502,
    code: 'FST_BATCH_RESPONSE_TOO_LARGE',
    error: 'Bad Gateway',
    message: 'the answer is larger than the 1000 bytes left for it'
  })
})

testEach('what the plugin itself answers is not measured', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxResponseBytes: 10, maxBatchResponseBytes: 12 })
  app.get('/ten', async () => 'x'.repeat(10))
  app.get('/reset', (_request, reply) => {
    reply.hijack()
    reply.raw.destroy()
  })
  const { batch } = await injectBatch(app, [get('/reset'), get('/ten'), get('/reset')])
  t.strictSame(batch.map(answer => answer.status_code), [502, 200, 502])
  for (const answer of [batch[0]!, batch[2]!]) t.match(JSON.parse(answer.body), { code: 'FST_BATCH_CONNECTION_RESET' })
})

testEach('what is not sent does not count', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxResponseBytes: 10 }, { exposeHeadRoutes: true })
  app.get('/large', async () => 'x'.repeat(100))
  app.get('/raw', (request, reply) => {
    reply.hijack()
    reply.raw.statusCode = Number((request.query as { status: string }).status)
    reply.raw.end('x'.repeat(100))
  })
  const { batch } = await injectBatch(app, [
    { method: 'head', url: '/large' }, { method: 'head', url: '/raw?status=200' }, get('/raw?status=204'), get('/raw?status=304'),
    get('/raw?status=200')
  ])
  t.strictSame(batch.map(answer => answer.status_code), [200, 200, 204, 304, 502])
  t.match(batch[0], { headers: { 'content-length': '100' }, body: '' })
})

testEach('a stream without an end is stopped at the limit, and destroyed', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxResponseBytes: 1 << 20, subrequestTimeout: 10_000 })
  const streams: Readable[] = []
  let produced = 0
  function endless (read: (stream: Readable) => void) {
    const stream = new Readable({ read () { read(this) } })
    streams.push(stream)
    return stream
  }
  const chunk = Buffer.alloc(65_536)
  app.get('/asynchronous', (_request, reply) => {
    reply.send(endless(stream => setImmediate(() => {
      produced += chunk.length
      stream.push(chunk)
    })))
  })
  app.get('/synchronous', (_request, reply) => {
    reply.send(endless(stream => {
      produced += chunk.length
      stream.push(chunk)
    }))
  })
  for (const url of ['/asynchronous', '/synchronous']) {
    produced = 0
    const { batch } = await injectBatch(app, [get(url)])
    t.equal(batch[0]!.status_code, 502, url)
    const stream = streams.pop()!
    if (!stream.destroyed) await once(stream, 'close')
    t.ok(produced < 2 << 20, `${produced} bytes were made`)
  }
})

testEach('all answers together may have maxBatchResponseBytes', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxBatchResponseBytes: 2500, maxResponseBytes: 1000 })
  let runs = 0
  app.get('/:size', async request => {
    runs++
    return 'x'.repeat(Number((request.params as { size: string }).size))
  })
  const { batch } = await injectBatch(app, [get('/1000'), get('/1000'), get('/1000'), get('/500'), get('/1')])
  t.strictSame(batch.map(answer => answer.status_code), [200, 200, 502, 200, 502])
  t.match(JSON.parse(batch[2]!.body), { message: 'the answer is larger than the 500 bytes left for it' })
  t.match(JSON.parse(batch[4]!.body), { message: 'the answer is larger than the 0 bytes left for it' })
  t.equal(runs, 5)
})

testEach('it holds for subrequests that run at the same time', async (t, dispatch) => {
  const app = build(t, { maxBatchResponseBytes: 2500, executor: concurrent({ limit: 4, dispatch }) })
  const all = latch()
  let arrived = 0
  app.get('/', async () => {
    if (++arrived === 4) all.open()
    await all.promise
    return 'x'.repeat(1000)
  })
  const { batch } = await injectBatch(app, Array(4).fill(get('/')))
  t.strictSame(batch.map(answer => answer.status_code).sort(), [200, 200, 502, 502])
})

testEach('an answer of a hook before ours is limited too', async (t, dispatch) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', async (request, reply) => {
    if (request.url !== '/batch') return reply.code(401).send('x'.repeat(Number(request.url.slice(1))))
  })
  app.register(batch, { executor: sequential({ dispatch }), maxResponseBytes: 100 })
  const answered = await injectBatch(app, [get('/100'), get('/101')])
  t.strictSame(answered.batch.map(answer => answer.status_code), [401, 502])
  t.equal(answered.batch[0]!.body.length, 100)
})
