import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, testEach } from '../helper.ts'
import { streamHeaders } from '../fixtures/lines.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('overload never breaks what was accepted', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 3, dispatch }), maxRequests: 10, maxInFlight: 40 })
  let runs = 0
  app.get('/', async () => {
    runs++
    await new Promise(setImmediate)
    return 'x'
  })
  const results = await Promise.all(Array.from({ length: 60 }, async (_, n) => {
    const items = Array(1 + n % 10).fill(get('/'))
    if (n % 3 > 0) return { items, ...await injectBatch(app, items) }
    const { body, statusCode: status, headers } = await app.inject({
      method: 'POST', url: '/batch', headers: streamHeaders, payload: { batch: items }
    })
    const lines = status === 200 ? body.trim().split('\n').map(line => JSON.parse(line)) : []
    return { items, status, headers, batch: lines.slice(0, -1) }
  }))
  const accepted = results.filter(({ status }) => status === 200)
  t.ok(accepted.length > 0 && accepted.length < 60, `${accepted.length} of 60`)
  for (const { items, batch } of accepted) t.strictSame(batch.map(answer => answer.status_code), items.map(() => 200))
  t.equal(runs, accepted.reduce((sum, { items }) => sum + items.length, 0), 'and nothing else ran')
  for (const { status, headers } of results) {
    if (status !== 200) t.match([status, headers['retry-after']], [503, /^[1-9]\d*$/])
  }
})

testEach('@fastify/under-pressure refuses batches, and items that come to it under pressure', async (t, dispatch) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let healthy = false
  await app.register(underPressure, { healthCheck: async () => healthy, healthCheckInterval: 5, retryAfter: 30 })
  app.register(batch, { executor: sequential({ dispatch }) })
  const checked = async (wanted: boolean) => {
    healthy = wanted
    while (app.isUnderPressure() === wanted) await new Promise(setImmediate)
  }
  app.get('/', async () => 'x')
  app.get('/press', async () => { await checked(false) })
  await app.ready()

  const refused = await injectBatch(app, [get('/')])
  t.equal(refused.status, 503)
  t.equal(refused.headers['retry-after'], '30')

  await checked(true)
  const { status, json, batch: answers } = await injectBatch(app, [get('/'), get('/press'), get('/')])
  t.equal(status, 200, 'what was accepted is answered')
  t.strictSame(answers.map(answer => answer.status_code), [200, 200, 503], 'each item as if it had come directly')
  t.match(json.summary, { retry: [2], retry_after: 30 })
})

testEach('items that wait for a client do not count against others of their executor', async (t, dispatch) => {
  const executor = concurrent({ limit: 1, dispatch })
  const hold = latch()
  const app = build(t, { executor, route: { onSend: async () => { await hold.promise } } })
  app.register(batch, { url: '/other', executor })
  app.get('/', async () => 'x'.repeat(100_000))
  const held = app.inject({ method: 'POST', url: '/batch', headers: streamHeaders, payload: { batch: Array(9).fill(get('/')) } })
  t.equal((await injectBatch(app, Array(5).fill(get('/')), { path: '/other' })).batch.length, 5)
  hold.open()
  t.equal((await held).statusCode, 200)
})
