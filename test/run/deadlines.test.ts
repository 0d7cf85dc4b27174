import { once } from 'node:events'
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('a subrequest that is out of time is answered 504, and its signal aborts', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 50 })
  const aborted = latch()
  app.all('/never', async request => {
    await once(request.signal, 'abort')
    aborted.open()
    await new Promise(() => {})
  })
  app.get('/fast', async () => 'fast')

  for (const item of [get('/never'), { method: 'post', url: '/never', body: { a: 1 } }]) {
    const { batch } = await injectBatch(app, [item, get('/fast')])
    t.match(batch[0], { status_code: 504, reason_phrase: 'Gateway Timeout', outcome: 'unknown' })
    t.strictSame(JSON.parse(batch[0]!.body), {
      statusCode: 504, code: 'FST_BATCH_SUBREQUEST_TIMEOUT', error: 'Gateway Timeout', message: 'no answer within 50 ms'
    })
    t.ok(batch[0]!.headers['batch_requests.duration'] as number >= 0.049)
    t.match(batch[1], { status_code: 200, body: 'fast' })
    t.notOk('outcome' in batch[1]!)
    await aborted.promise
  }
})

testEach('the deadline counts from the start of each subrequest', async (t, dispatch) => {
  const app = build(t, { subrequestTimeout: 60, executor: concurrent({ limit: 2, dispatch }) })
  const never = new Promise(() => {})
  app.get('/never', () => never)
  const { batch } = await injectBatch(app, Array(5).fill(get('/never')))
  t.strictSame(batch.map(answer => answer.status_code), [504, 504, 504, 504, 504])
  for (const answer of batch) t.ok(answer.headers['batch_requests.duration'] as number >= 0.059)
})

testEach('a slot is freed when its subrequest is out of time, whatever the handler does', async (t, dispatch) => {
  const app = build(t, { subrequestTimeout: 50, executor: concurrent({ limit: 1, dispatch }) })
  app.get('/never', () => new Promise(() => {}))
  app.get('/fast', async () => 'fast')
  const [first, second] = await Promise.all([
    injectBatch(app, [get('/never'), get('/fast')]), injectBatch(app, [get('/fast'), get('/never')])
  ])
  t.strictSame(first.batch.map(answer => answer.status_code), [504, 200])
  t.strictSame(second.batch.map(answer => answer.status_code), [200, 504])
})

testEach('a batch that is out of time answers what it has', async (t, dispatch) => {
  const app = build(t, { batchTimeout: 80, executor: concurrent({ limit: 2, dispatch }) })
  const started: string[] = []
  app.get('/never', () => new Promise(() => { started.push('never') }))
  app.get('/fast', async () => {
    started.push('fast')
    return 'fast'
  })
  const { status, batch } = await injectBatch(app, [get('/fast'), get('/never'), get('/never'), get('/fast'), get('/fast')])
  t.equal(status, 200)
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [
    [200, undefined], [504, 'unknown'], [504, 'unknown'], [504, 'not_started'], [504, 'not_started']
  ])
  t.strictSame(JSON.parse(batch[4]!.body), {
    statusCode: 504, code: 'FST_BATCH_TIMEOUT', error: 'Gateway Timeout', message: 'the batch was not finished within 80 ms'
  })
  t.equal(batch[4]!.headers['batch_requests.duration'], 0)
  t.strictSame(started, ['fast', 'never', 'never'])
})

testEach('the deadline of a batch comes first where it is the shorter one', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), batchTimeout: 40, subrequestTimeout: 600_000 })
  app.get('/never', () => {})
  const { batch } = await injectBatch(app, [get('/never'), get('/never')])
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [[504, 'unknown'], [504, 'not_started']])
})

testEach('a late answer is dropped and does no harm', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 40 })
  const replied = latch()
  const late = latch()
  app.get('/late', async (_request, reply) => {
    await late.promise
    reply.header('x-late', '1').send('late')
    reply.raw.write('more')
    reply.raw.end('and more')
    replied.open()
    return reply
  })
  app.get('/after', async () => 'after')
  const { batch } = await injectBatch(app, [get('/late')])
  t.equal(batch[0]!.status_code, 504)
  late.open()
  await replied.promise
  t.equal((await injectBatch(app, [get('/after')])).batch[0]!.body, 'after')
})

testEach('every kind of handler that does not end is out of time', async (t, dispatch) => {
  const app = build(t, { subrequestTimeout: 40, executor: concurrent({ dispatch }) })
  app.get('/no-reply', () => {})
  app.get('/hijack', (_request, reply) => { reply.hijack() })
  app.get('/hook', { preHandler: () => {} }, async () => 'x')
  app.get('/started', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200)
    reply.raw.write('begun')
  })
  app.post('/body', () => {})
  const { batch } = await injectBatch(app, [
    get('/no-reply'), get('/hijack'), get('/hook'), get('/started'), { method: 'post', url: '/body', body: {} }
  ])
  t.strictSame(batch.map(answer => answer.status_code), [504, 504, 504, 504, 504])
})

testEach('a handler behind a hook that was too slow does not run for nothing', async (t, dispatch) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const slow = latch()
  const passed = latch()
  let ran = false
  app.addHook('onRequest', async request => {
    if (request.url !== '/') return
    await slow.promise
    passed.open()
  })
  app.register(batch, { executor: sequential({ dispatch }), subrequestTimeout: 40 })
  app.get('/', async () => { ran = true })

  const answered = await injectBatch(app, [get('/')])
  t.equal(answered.batch[0]!.status_code, 504)
  slow.open()
  await passed.promise
  await new Promise(setImmediate)
  t.notOk(ran)
})

testEach('no timer is left behind', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 30 })
  app.get('/never', () => {})
  app.get('/fast', async () => 'fast')
  await injectBatch(app, [get('/fast')])
  const before = timers()
  await injectBatch(app, [get('/never'), get('/fast')])
  await injectBatch(app, [get('/never')])
  t.equal(timers(), before)
})

function timers () {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}
