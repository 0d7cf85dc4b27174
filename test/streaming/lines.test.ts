import { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, listen, request, testEach } from '../helper.ts'
import { ndjson, streamBatch } from '../fixtures/lines.ts'

const get = (url: string, id?: string) => ({ method: 'get', url, id })

testEach('each answer is a line, sent the moment it is ready, and the summary is the last', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 3, dispatch }) })
  const latches = [latch(), latch(), latch()]
  app.get('/:n', async (request, reply) => {
    const { n } = request.params as { n: string }
    await latches[Number(n)]!.promise
    return reply.code(n === '1' ? 404 : 200).send({ n })
  })
  await listen(app)
  const answered = streamBatch(t, app, { batch: [get('/0', 'zero'), get('/1'), get('/2', 'two')] })

  latches[2]!.open()
  const { status, headers, next } = await answered
  t.equal(status, 200)
  t.match(headers, { 'content-type': ndjson, 'cache-control': 'no-store', vary: 'accept', 'x-accel-buffering': 'no' })
  t.notOk('batch_requests.duration' in headers, 'which nobody knows yet')
  t.strictSame(withoutDuration(await next()), {
    index: 2,
    id: 'two',
    status_code: 200,
    reason_phrase: 'OK',
    headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': '9', 'batch_requests.duration': 'number' },
    body: '{"n":"2"}'
  })
  latches[0]!.open()
  t.match(await next(), { index: 0, id: 'zero', body: '{"n":"0"}' })
  latches[1]!.open()
  const line = await next()
  t.match(line, { index: 1, status_code: 404 })
  t.notOk('id' in line)
  const last = await next()
  t.strictSame(Object.keys(last), ['summary', 'headers'])
  t.strictSame(last.summary, { total: 3, ok: 2, failed: 1, not_started: 0, retry: [] })
  t.strictSame(Object.keys(last.headers), ['batch_requests.duration'])
  t.type(last.headers['batch_requests.duration'], 'number')
  t.equal(await next(), undefined)
})

testEach('lines say what the JSON answer says', async (t, dispatch) => {
  for (const responseBody of ['string', 'json'] as const) {
    const executor = sequential({ dispatch })
    const app = build(t, { executor, responseBody, durationHeader: false, responseStatus: 207 })
    app.get('/json', async () => ({ lines: 'a\nb', separator: '\u2028' }))
    app.get('/pretty', async (_request, reply) => reply.type('application/json').send('{\n  "a": 1\r\n}'))
    app.get('/broken', async (_request, reply) => reply.type('application/json').send('{\n  "a":'))
    app.get('/bytes', async () => Buffer.from([0xff, 0x0a, 0x00]))
    await listen(app)
    const batch = [
      get('/json', 'a'), get('/pretty'), get('/broken'), get('/bytes'), get('/nowhere'),
      { ...get('/json'), depends_on: ['a'] }, { ...get('/{x}'), bind: { '/url/x': 'a/body/none' } }
    ]
    const { json, status } = await injectBatch(app, batch)
    const streamed = await streamBatch(t, app, { batch })
    t.equal(status, 207)
    t.equal(streamed.status, 207)
    const lines = await streamed.rest()
    t.strictSame(lines.pop(), { summary: json.summary })
    const answers = lines.sort((a, b) => a.index - b.index).map(({ index, ...answer }) => answer)
    t.strictSame(answers, json.batch, responseBody)
  }
})

testEach('an item that was not run has its line as well', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async () => 'x')
  await listen(app)
  const { rest } = await streamBatch(t, app, { on_error: 'stop', batch: [get('/'), get('/nowhere'), get('/'), get('/')] })
  const lines = await rest()
  t.strictSame(lines.slice(0, 4).map(({ index, status_code: status, outcome }) => [index, status, outcome]), [
    [0, 200, undefined], [1, 404, undefined], [2, 424, 'not_started'], [3, 424, 'not_started']
  ])
  t.match(lines[4], { summary: { total: 4, ok: 1, failed: 1, not_started: 2 } })
})

testEach('who gets lines, and who JSON', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async () => 'x')
  await listen(app)
  const table: Array<[accept: string | undefined, lines: boolean]> = [
    [undefined, false], ['*/*', false], ['application/*', false], ['application/json', false], ['text/html', false], ['', false],
    [ndjson, true], ['Application/X-NDJSON', true], [`${ndjson}, application/json`, true], [`application/json, ${ndjson}`, false],
    [`application/json;q=0.9, ${ndjson}`, true], [`application/json, ${ndjson};q=0.9`, false],
    [`${ndjson};q=0.1, */*;q=0.2`, false], [`*/*;q=0.1, ${ndjson};q=0.2`, true], [`${ndjson};q=0`, false], [`${ndjson};q=nonsense`, false],
    [`text/html, ${ndjson}`, true], ['application/x-ndjson-seq', false], [`;;,${ndjson}`, true]
  ]
  for (const [accept, lines] of table) {
    const response = await request(app, {
      method: 'POST',
      path: '/batch',
      headers: { 'content-type': 'application/json', ...accept === undefined ? {} : { accept } },
      body: JSON.stringify({ batch: [get('/')] })
    })
    t.equal(response.headers['content-type'], lines ? ndjson : 'application/json; charset=utf-8', String(accept))
    t.equal(response.headers.vary, 'accept')
  }
})

testEach('vary names what other plugins say too', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.addHook('onRequest', async (_request, reply) => { reply.header('vary', ['origin', 'cookie']) })
  app.get('/', async () => 'x')
  t.equal((await injectBatch(app, [get('/')])).headers.vary, 'origin, cookie, accept')
  t.equal((await injectBatch(app, [])).headers.vary, 'origin, cookie, accept')
})

testEach('what is refused before anything runs is refused in JSON', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ dispatch }), maxRequests: 2, maxInFlight: 2 })
  const started = latch()
  const open = latch()
  app.get('/', async () => {
    started.open()
    await open.promise
  })
  await listen(app)
  const bodies: Array<[status: number, body: object]> = [
    [400, { batch: [] }], [400, { batch: [get('/'), get('bad')] }], [400, { batch: [get('/')], atomic: true }],
    [400, { batch: [get('/')], unknown: 1 }]
  ]
  for (const [status, body] of bodies) {
    const refused = await streamBatch(t, app, body)
    t.equal(refused.status, status)
    t.equal(refused.headers['content-type'], 'application/json; charset=utf-8')
    t.equal(refused.headers.vary, 'accept')
    refused.incoming.resume()
  }
  t.equal((await streamBatch(t, app, {}, { headers: { 'content-type': 'text/plain' } })).status, 415)
  const first = streamBatch(t, app, { batch: [get('/'), get('/')] })
  await started.promise
  const refused = await streamBatch(t, app, { batch: [get('/')] })
  t.equal(refused.status, 503)
  t.match(await refused.next().catch(() => 'JSON without a line feed'), 'JSON without a line feed')
  open.open()
  t.equal((await (await first).rest()).length, 3)
  t.equal((await (await streamBatch(t, app, { batch: [get('/'), get('/')] })).rest()).length, 3, 'places are given back')
})

testEach('a batch inside a batch is refused, in lines or not', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  await listen(app)
  const item = { method: 'post', url: '/batch', headers: { accept: ndjson }, body: { batch: [get('/')] } }
  const [line] = await (await streamBatch(t, app, { batch: [item] })).rest()
  t.match(line, { status_code: 400, headers: { 'content-type': 'application/json; charset=utf-8' } })
  t.match(JSON.parse(line.body), { code: 'FST_BATCH_NESTED' })
})

function withoutDuration ({ headers, ...line }: any): any {
  return { ...line, headers: { ...headers, 'batch_requests.duration': typeof headers['batch_requests.duration'] } }
}
