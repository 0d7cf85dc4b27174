import { sequential } from '../../lib/index.ts'
import { build, injectBatch, listen, sendBatch, testEach } from '../helper.ts'

testEach('names are lower case, and a header sent twice is an array', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), durationHeader: false })
  app.get('/', async (_request, reply) => {
    reply.header('X-One', 'a').header('X-Two', ['b', 'c']).header('X-Number', 5).header('ETag', 'W/"1"')
    return 'x'
  })
  const { batch } = await injectBatch(app, [{ method: 'get', url: '/' }])
  t.match(batch[0]!.headers, { 'x-one': 'a', 'x-two': ['b', 'c'], 'x-number': '5', etag: 'W/"1"' })
  t.strictSame(Object.keys(batch[0]!.headers).filter(name => name !== name.toLowerCase()), [])
})

testEach('what speaks of a connection is left out', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (_request, reply) => {
    reply.headers({ 'keep-alive': 'timeout=5', connection: 'close', 'transfer-encoding': 'chunked', upgrade: 'h2c', trailer: 'x', 'x-kept': '1' })
    return 'x'
  })
  await listen(app)
  const { batch, headers } = await sendBatch(app, [{ method: 'get', url: '/' }])
  t.strictSame(Object.keys(batch[0]!.headers).sort(), ['batch_requests.duration', 'content-length', 'content-type', 'x-kept'])
  t.equal(headers.connection, 'keep-alive')
})

testEach('the answer of a batch is never stored', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (_request, reply) => reply.header('cache-control', 'public, max-age=60').send('x'))
  const answered = await injectBatch(app, [{ method: 'get', url: '/' }])
  t.equal(answered.headers['cache-control'], 'no-store')
  t.equal(answered.batch[0]!.headers['cache-control'], 'public, max-age=60')
  t.equal((await injectBatch(app, [{ method: 'get', url: 'bad' }])).headers['cache-control'], 'no-store', 'nor is a refusal')
})

testEach('durations are seconds with at most six decimals', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async () => 'x')
  const { batch, headers } = await injectBatch(app, [{ method: 'get', url: '/' }, { method: 'get', url: '/' }])
  t.match(headers['batch_requests.duration'], /^\d+(\.\d{1,6})?$/)
  for (const answer of batch) {
    t.match(String(answer.headers['batch_requests.duration']), /^\d+(\.\d{1,6})?(e-\d)?$/)
  }
})

testEach('without a duration an answer may have no headers at all', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), durationHeader: false })
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(204)
    reply.raw.end()
  })
  const { batch } = await injectBatch(app, [{ method: 'get', url: '/' }])
  t.strictSame(batch[0], { status_code: 204, reason_phrase: 'No Content', headers: {}, body: '' })
})

testEach('conditional items are answered 304 without a body', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (request, reply) => {
    reply.header('etag', '"1"')
    if (request.headers['if-none-match'] === '"1"') return reply.code(304).send()
    return 'fresh'
  })
  const { batch } = await injectBatch(app, [
    { method: 'get', url: '/', headers: { 'if-none-match': '"1"' } }, { method: 'get', url: '/', headers: { 'if-none-match': '"0"' } }
  ])
  t.match(batch, [{ status_code: 304, body: '', headers: { etag: '"1"' } }, { status_code: 200, body: 'fresh' }])
})
