import type { FastifyInstance } from 'fastify'
import fc from 'fast-check'
import { concurrent, sequential, type BatchItem, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, listen, testEach, type Dispatch, type Teardown } from '../helper.ts'
import { streamBatch } from '../fixtures/lines.ts'

const get = (url: string, more: object = {}) => ({ method: 'get', url, ...more })

/** An app that counts, and tells, how often it was asked. */
function buildCounting (t: Teardown, options: BatchOptions, server: object = {}) {
  const app: FastifyInstance = build(t, { dedupe: true, ...options }, server)
  const seen: string[] = []
  let count = 0
  app.all('/*', async (request, reply) => {
    seen.push(`${request.method} ${request.url}`)
    return reply.code(request.url.startsWith('/bad') ? 409 : 200).send({ count: ++count })
  })
  return { app, seen }
}

const executors = (dispatch: Dispatch) => [sequential({ dispatch }), concurrent({ dispatch })]

testEach('items that ask for the same run once and share the answer', async (t, dispatch) => {
  for (const executor of executors(dispatch)) {
    const { app, seen } = buildCounting(t, { executor, responseBody: 'json' })
    const { batch, json } = await injectBatch(app, [
      get('/a', { id: 'first' }), get('/a', { method: 'GET' }), get('/b'), get('/a', { id: 'last' }), { method: 'head', url: '/a' },
      { method: 'HEAD', url: '/a' }
    ])
    t.strictSame(seen.sort(), ['GET /a', 'GET /b', 'HEAD /a'])
    const { id, ...answer } = batch[0]!
    t.strictSame([batch[1], batch[3]], [answer, { ...answer, id: 'last' }], String(id))
    t.strictSame(batch[4], batch[5])
    t.match(json.summary, { total: 6, ok: 6 })
  }
})

testEach('by default every item runs', async (t, dispatch) => {
  for (const executor of executors(dispatch)) {
    const { app, seen } = buildCounting(t, { executor, dedupe: undefined })
    await injectBatch(app, [get('/a'), get('/a')])
    t.equal(seen.length, 2)
  }
})

testEach('what differs is not the same', async (t, dispatch) => {
  for (const executor of executors(dispatch)) {
    const { app, seen } = buildCounting(t, { executor }, { requestIdHeader: 'request-id' })
    const items = [
      get('/a'), get('/a?'), get('/a/'), get('/a', { headers: { accept: 'text/plain' } }),
      get('/a', { headers: { authorization: 'Bearer other' } }), get('/a', { body: '' }), get('/a', { body: '' }),
      get('/a', { method: 'options' }), get('/a', { method: 'options' }), get('/a', { id: 'a', headers: { b: '1', c: '2' } }),
      get('/a', { depends_on: ['a'] }), get('/b', { id: 'b' }), get('/a', { depends_on: ['b'] })
    ]
    const same = [
      get('/a', { headers: { Authorization: 'Bearer ada' } }), get('/a', { headers: { C: '2', B: '1' } }),
      get('/a', { depends_on: ['a'] })
    ]
    const { status } = await injectBatch(app, [...items, ...same], { headers: { authorization: 'Bearer ada' } })
    t.equal(status, 200)
    t.equal(seen.length, items.length)
  }
})

testEach('never across an item that may change something', async (t, dispatch) => {
  for (const executor of executors(dispatch)) {
    for (const method of ['POST', 'put', 'PATCH', 'delete']) {
      const { app, seen } = buildCounting(t, { executor })
      await injectBatch(app, [get('/a'), get('/a'), { method, url: '/b' }, get('/a'), { method: 'options', url: '/c' }, get('/a')])
      t.equal(seen.filter(request => request === 'GET /a').length, 2, method)
    }
  }
})

testEach('an answer that is no success is shared too', async (t, dispatch) => {
  for (const executor of executors(dispatch)) {
    const { app, seen } = buildCounting(t, { executor, responseBody: 'json' })
    const { batch } = await injectBatch(app, [
      get('/bad', { id: 'a' }), get('/bad', { id: 'b' }), get('/x', { depends_on: ['a'] }), get('/y', { depends_on: ['b'] })
    ])
    t.strictSame(batch.map(answer => answer.status_code), [409, 409, 424, 424])
    t.strictSame(batch[1]!.body, batch[0]!.body)
    t.equal(seen.length, 1)

    const out = build(t, { executor, dedupe: true, subrequestTimeout: 40 })
    out.get('/', () => {})
    const { batch: late } = await injectBatch(out, [get('/'), get('/')])
    t.strictSame(late.map(answer => [answer.status_code, answer.outcome]), [[504, 'unknown'], [504, 'unknown']])
  }
})

testEach('after the first error of a batch that stops, duplicates do not run either', async (t, dispatch) => {
  const { app } = buildCounting(t, { executor: sequential({ dispatch }) })
  const response = await app.inject({
    method: 'POST', url: '/batch', payload: { on_error: 'stop', batch: [get('/bad'), get('/bad')] }
  })
  t.match(response.json().batch, [{ status_code: 409 }, { status_code: 424, outcome: 'not_started' }])
})

testEach('bindings take from either, and are no duplicates themselves', async (t, dispatch) => {
  for (const executor of executors(dispatch)) {
    const { app, seen } = buildCounting(t, { executor, responseBody: 'json' })
    const { batch } = await injectBatch(app, [
      get('/a', { id: 'a' }), get('/a', { id: 'b' }),
      get('/{n}', { bind: { '/url/n': 'a/body/count' } }), get('/{n}', { bind: { '/url/n': 'b/body/count' } })
    ] as BatchItem[])
    t.strictSame(batch.map(answer => answer.status_code), [200, 200, 200, 200])
    t.strictSame(seen, ['GET /a', 'GET /1', 'GET /1'])
  }
})

testEach('bytes count for each, so no batch becomes larger than it may', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), dedupe: true, maxBatchResponseBytes: 2500 })
  app.get('/', async () => 'x'.repeat(1000))
  const { batch } = await injectBatch(app, Array(4).fill(get('/')))
  t.strictSame(batch.map(answer => answer.status_code), [200, 200, 502, 502])
})

testEach('in lines they come as the client takes them', async (t, dispatch) => {
  const executor = concurrent({ dispatch })
  const app = build(t, { executor, dedupe: true, maxRequests: 200, maxBatchResponseBytes: 2 ** 21 })
  let runs = 0
  app.get('/', async () => {
    runs++
    return 'x'.repeat(2 ** 18)
  })
  await listen(app)
  const lines = await (await streamBatch(t, app, { batch: Array(200).fill(get('/')) })).rest()
  t.match(lines.pop(), { summary: { total: 200, ok: 200 } })
  t.equal(lines.length, 200)
  t.equal(runs, 1)
})

testEach('a batch with duplicates is answered as one without', async (t, dispatch) => {
  // The state is what was written last: an answer from the wrong moment would show.
  const make = (dedupe: boolean) => {
    const app = build(t, { executor: sequential({ dispatch }), dedupe, durationHeader: false, maxRequests: 30 })
    let state = 'nothing'
    app.get('/:name', async request => `${request.url}: ${state}`)
    app.put('/:name', async request => { state = request.url })
    return app
  }
  const item = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('/a', '/b', '/c').map(url => get(url)) },
    { weight: 1, arbitrary: fc.constantFrom('/a', '/b').map(url => ({ method: 'put', url })) }
  )
  await fc.assert(fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 30 }), async items => {
    const [plain, deduped] = await Promise.all([false, true].map(dedupe => injectBatch(make(dedupe), items)))
    return JSON.stringify(plain!.json) === JSON.stringify(deduped!.json)
  }), { numRuns: 20 })
})
