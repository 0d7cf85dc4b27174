// A batch that outlives its connection is answered as if it had not.
import fc from 'fast-check'
import { injectBatch, listen, request } from '../helper.ts'
import { ndjson, streamBatch } from '../fixtures/lines.ts'
import { buildApi, get, startOnly } from '../executors/bullmq/queue.ts'
import { answerOf, follow, location, me, read, startWaiting, submit } from './stored.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('who prefers not to wait is told where the answer will be', async t => {
    const own = { connection, queue: 'told' }
    const api = buildApi(t, own, { respondAsync: {} })
    const worker = await startWaiting(t, own)
    const sent = await submit(api, [{ ...get('/wait/a'), id: 'first' }, get('/status/404')])
    t.equal(sent.statusCode, 202)
    t.match(sent.headers, {
      location: /^\/batch\/[\w-]{22}$/,
      'preference-applied': 'respond-async',
      'retry-after': '1',
      'cache-control': 'no-store',
      vary: 'accept, prefer',
      'content-type': 'application/json; charset=utf-8'
    })
    t.strictSame(sent.json(), { total: 2, done: 0, items: [{ id: 'first', state: 'waiting' }, { state: 'waiting' }] })

    const url = sent.headers.location as string
    await worker.reached('a')
    const going = await read(api, url)
    t.equal(going.status, 202)
    t.match(going.headers, { 'retry-after': '1', 'cache-control': 'no-store', vary: 'accept' })
    t.match(going.json, { total: 2, items: [{ id: 'first', state: 'running' }, { state: 'waiting' }] })
    worker.go('a')
    await follow(api, url)
    const { status, headers, json } = await read(api, url)
    t.equal(status, 200)
    t.match(headers, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', vary: 'accept' })
    t.match(json, {
      batch: [{ id: 'first', status_code: 200, body: '{"name":"a"}' }, { status_code: 404 }],
      summary: { total: 2, ok: 1, failed: 1 }
    })
    t.match((await submit(api, [get('/echo')])).headers.location, /^\/batch\//)
  })

  t.test('progress says what is done, with its status, and guesses when the rest will be', async t => {
    const own = { connection, queue: 'progress' }
    const api = buildApi(t, { ...own, limit: 1 }, { respondAsync: {} })
    const worker = await startWaiting(t, own)
    const url = await location(api, [get('/status/201'), get('/status/500'), get('/wait/a'), get('/echo')])
    await worker.reached('a')
    const { json, headers } = await read(api, url)
    t.strictSame(json, {
      total: 4,
      done: 2,
      items: [{ state: 'done', status_code: 201 }, { state: 'done', status_code: 500 }, { state: 'running' }, { state: 'waiting' }]
    })
    t.match(headers['retry-after'], /^[1-9]\d?$/)
    worker.go('a')
    await follow(api, url)
  })

  t.test('lines follow the progress, for as many as want them', async t => {
    const own = { connection, queue: 'lines' }
    const api = await listen(buildApi(t, own, { respondAsync: {} }))
    const worker = await startWaiting(t, own)
    const path = await location(api, [get('/wait/a'), get('/echo'), get('/wait/b')])
    const [one, two] = await Promise.all([1, 2].map(() =>
      streamBatch(t, api, undefined, { path, method: 'GET', headers: { ...me, accept: ndjson } })))
    t.match(one!.headers, { 'content-type': ndjson, 'x-accel-buffering': 'no' })
    t.match(await one!.next(), { index: 1, status_code: 200 })
    worker.go('b')
    t.match(await one!.next(), { index: 2, body: '{"name":"b"}' })
    worker.go('a')
    t.match(await one!.rest(), [{ index: 0, body: '{"name":"a"}' }, { summary: { total: 3, ok: 3 } }])
    t.match(await two!.rest(), [{ index: 1 }, { index: 2 }, { index: 0 }, { summary: { ok: 3 } }])
  })

  t.test('the answer is that of a batch that is waited for', async t => {
    const own = { connection, queue: 'same' }
    // One after another: what stops first is the same.
    const api = buildApi(t, { ...own, limit: 1 }, { respondAsync: {}, responseBody: 'json', dedupe: true, jsonApi: true })
    await startWaiting(t, own)
    const item = fc.record({
      method: fc.constantFrom('get', 'POST', 'put'),
      url: fc.constantFrom('/status/200', '/status/204', '/status/404', '/status/503', '/echo?a=1', '/nowhere'),
      depends_on: fc.option(fc.nat(3), { nil: undefined })
    })
    const batches = fc.record({
      items: fc.array(item, { minLength: 1, maxLength: 5 }), onError: fc.constantFrom('continue', 'stop')
    })
    await fc.assert(fc.asyncProperty(batches, async ({ items, onError }) => {
      const batch = items.map(({ depends_on: on, ...item }, index) => ({
        ...item, id: `i${index}`, ...on !== undefined && on < index ? { depends_on: [`i${on}`] } : {}
      }))
      const payload = { batch, on_error: onError }
      const headers = me
      const waited = await api.inject({ method: 'POST', url: '/batch', headers, payload })
      const url = await location(api, batch, { on_error: onError })
      const lines = await follow(api, url)
      const stored = await api.inject({ url, headers })
      const comparable = (text: string) => JSON.parse(text.replace(/"(requestId|deadline)":("[^"]*"|\d+)/g, '"$1":0'))
      t.strictSame(comparable(stored.body), comparable(waited.body))
      t.strictSame(stored.headers['set-cookie'], waited.headers['set-cookie'])
      t.strictSame(lines.slice(0, -1).map(({ index }) => index).sort(), items.map((_, index) => index))
      t.strictSame(lines.at(-1).summary, JSON.parse(waited.body).summary)
    }), { numRuns: 15 })
  })

  t.test('who sent it, and from where, is that of the request that sent it', async t => {
    const own = { connection, queue: 'identity' }
    const api = await listen(buildApi(t, own, { respondAsync: {} }, { trustProxy: true }))
    await startWaiting(t, own)
    const headers = { ...me, prefer: 'respond-async', 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.1', cookie: 'a=b' }
    const body = JSON.stringify({ batch: [{ method: 'post', url: '/echo', body: { a: 1 } }] })
    const sent = await request(api, { path: '/batch', method: 'POST', headers, body })
    const { batch: [answer] } = await (async () => {
      const url = sent.headers.location!
      await follow(api, url, { ...me, cookie: 'a=b' })
      return (await read(api, url, { ...me, cookie: 'a=b' })).json
    })()
    t.match(JSON.parse(answer.body), {
      method: 'POST',
      body: { a: 1 },
      headers: { authorization: 'Bearer me', cookie: 'a=b', 'x-forwarded-for': '192.0.2.1' },
      batch: { index: 0, size: 1 }
    })
    t.notMatch(JSON.parse(answer.body).headers, { prefer: /./ })
  })

  t.test('values are bound, in a binding as in a chain', async t => {
    const own = { connection, queue: 'bound' }
    const api = buildApi(t, own, { respondAsync: {} })
    await startWaiting(t, own)
    const url = await location(api, [
      { method: 'get', url: '/status/200', id: 'a' },
      { method: 'get', url: '/status/{s}', id: 'b', bind: { '/url/s': 'a/body/status' } },
      { method: 'get', url: '/echo', depends_on: ['b'] }
    ])
    t.match((await answerOf(api, url)).batch, [{ status_code: 200 }, { status_code: 200 }, { status_code: 200 }])
  })

  t.test('who does not prefer it, or prefers something else, waits', async t => {
    const own = { connection, queue: 'waits' }
    const api = buildApi(t, own, { respondAsync: {} })
    await startWaiting(t, own)
    for (const prefer of ['', 'wait=10', 'return=minimal', 'x="respond-async"', 'respond-async-not']) {
      const { statusCode, headers } = await submit(api, [get('/echo')], { headers: { prefer } })
      t.equal(statusCode, 200, prefer)
      t.match(headers, { vary: 'accept, prefer' })
      t.notOk('preference-applied' in headers)
    }
    for (const prefer of ['Respond-Async', 'wait=10, respond-async', 'x="a\\", b"; y , respond-async;z=1']) {
      t.equal((await submit(api, [get('/echo')], { headers: { prefer } })).statusCode, 202, prefer)
    }
  })

  t.test('without the option nobody is asked what it prefers', async t => {
    const own = { connection, queue: 'without' }
    const api = buildApi(t, own)
    await startWaiting(t, own)
    const { statusCode, headers } = await submit(api, [get('/echo')])
    t.equal(statusCode, 200)
    t.equal(headers.vary, 'accept')
    t.equal((await api.inject({ url: '/batch/abc', headers: me })).json().message, 'Route GET:/batch/abc not found')
  })

  t.test('a batch that cannot be run is refused at once', async t => {
    const api = buildApi(t, { connection, queue: 'refused' }, { respondAsync: {} })
    const { statusCode, body } = await submit(api, [get('no path')])
    t.equal(statusCode, 400)
    t.match(body, /batch\/0\/url/)
  })

  t.test('it may be under any prefix, beside others, and have its hooks', async t => {
    const own = { connection, queue: 'prefix' }
    const { default: Fastify } = await import('fastify')
    const { default: batch } = await import('../../lib/index.ts')
    const { bullmq } = await import('../../lib/bullmq.ts')
    const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
    t.teardown(() => app.close())
    const seen: string[] = []
    const executor = bullmq(own)
    app.register(batch, { prefix: '/:tenant', executor, respondAsync: {}, durationHeader: false })
    app.register(batch, {
      prefix: '/v2',
      executor,
      respondAsync: {},
      responseStatus: 207,
      route: {
        onRequest: async ({ method }) => { seen.push(method) },
        schema: { operationId: 'batch', headers: { type: 'object', required: ['authorization'] } } as object
      }
    })
    await startWaiting(t, own)
    const headers = { ...me, prefer: 'respond-async' }
    const first = await app.inject({ method: 'POST', url: '/acme/batch/?x=1', headers, payload: { batch: [get('/echo')] } })
    t.match(first.headers.location, /^\/acme\/batch\/[\w-]{22}$/)
    t.match((await answerOf(app, first.headers.location as string)).batch, [{ status_code: 200 }])
    const second = await app.inject({ method: 'POST', url: '/v2/batch', headers, payload: { batch: [get('/echo')] } })
    const url = second.headers.location as string
    await follow(app, url)
    const { status, headers: answered } = await read(app, url)
    t.equal(status, 207)
    t.match(answered, { 'batch_requests.duration': /^\d+\.\d{6}$/ })
    t.equal((await app.inject({ url })).statusCode, 400)
    t.strictSame(seen, ['POST', 'GET', 'GET', 'GET'])
    t.equal((await read(app, url.replace('/v2', '/acme'))).status, 404, 'each has its own')
  })

  t.test('its routes may not be batched', async t => {
    const own = { connection, queue: 'nested' }
    const { default: Fastify } = await import('fastify')
    const { default: batch } = await import('../../lib/index.ts')
    const { bullmq } = await import('../../lib/bullmq.ts')
    const { startHere } = await import('../executors/bullmq/queue.ts')
    const build = () => {
      const app = Fastify()
      app.register(batch, { executor: bullmq(own), respondAsync: {} })
      return app
    }
    await startHere(t, { ...own, app: build })
    const api = build()
    t.teardown(() => api.close())
    const { batch: answers } = await injectBatch(api, [get('/batch/abc'), { method: 'delete', url: '/batch/abc' }])
    t.match(answers, [{ status_code: 403 }, { status_code: 403 }])
  })
}
