import { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('a batch that would pass maxInFlight is refused whole, before anything runs', async (t, dispatch) => {
  const app = build(t, { maxInFlight: 5, maxRequests: 5, executor: concurrent({ dispatch }) })
  const started = latch()
  const open = latch()
  let runs = 0
  app.get('/', async () => {
    if (++runs === 3) started.open()
    await open.promise
  })

  const first = injectBatch(app, Array(3).fill(get('/')))
  await started.promise
  const refused = await injectBatch(app, Array(3).fill(get('/')))
  t.equal(refused.status, 503)
  t.equal(refused.headers['retry-after'], '1')
  t.strictSame(refused.json, {
    statusCode: 503,
    code: 'FST_BATCH_OVERLOADED',
    error: 'Service Unavailable',
    message: 'the limit of 5 items in flight would be passed'
  })
  t.equal(runs, 3)

  const second = injectBatch(app, Array(2).fill(get('/')))
  open.open()
  t.equal((await first).status, 200)
  t.equal((await second).status, 200)
  t.equal((await injectBatch(app, Array(5).fill(get('/')))).status, 200, 'answered items no longer count')
})

testEach('a batch that is refused, or fails, gives its places back', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxInFlight: 2, maxRequests: 2, subrequestTimeout: 30 })
  app.get('/never', () => {})
  app.get('/', async () => 'x')
  for (let i = 0; i < 3; i++) {
    t.equal((await injectBatch(app, [get('/'), get('bad')])).status, 400)
    t.equal((await injectBatch(app, [get('/'), get('/never')])).status, 200)
  }
})

testEach('the count is one for all batch routes of an app', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), url: '/a', maxInFlight: 20 })
  app.register((await import('../../lib/index.ts')).default, { url: '/b', maxInFlight: 20 })
  const started = latch()
  const open = latch()
  app.get('/', async () => {
    started.open()
    await open.promise
  })
  const first = injectBatch(app, Array(20).fill(get('/')), { path: '/a' })
  await started.promise
  t.equal((await injectBatch(app, [get('/')], { path: '/b' })).status, 503)
  open.open()
  await first
  t.equal((await injectBatch(app, [get('/')], { path: '/b' })).status, 200)
})
