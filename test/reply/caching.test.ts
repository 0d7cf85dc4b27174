import etag from '@fastify/etag'
import { sequential } from '../../lib/index.ts'
import { build, injectBatch, listen, request, testEach, type Dispatch, type Teardown } from '../helper.ts'
import { streamBatch } from '../fixtures/lines.ts'

async function buildCached (t: Teardown, dispatch: Dispatch) {
  const app = build(t, { executor: sequential({ dispatch }) })
  await app.register(etag)
  app.get('/text', async (_request, reply) => reply.header('cache-control', 'max-age=60').send('text'))
  app.post('/text', async () => 'text')
  return listen(app)
}

testEach('a conditional item is answered 304 without a body', async (t, dispatch) => {
  const app = await buildCached(t, dispatch)
  const get = (headers?: Record<string, string>) => ({ id: headers === undefined ? 'plain' : undefined, method: 'get', url: '/text', headers })
  const direct = await request(app, { path: '/text' })
  const { batch: [first] } = await injectBatch(app, [get()])
  const tag = first!.headers.etag as string
  t.equal(tag, direct.headers.etag)
  t.equal(first!.headers['cache-control'], 'max-age=60', 'that of the item is its own')

  const items = [get({ 'if-none-match': tag }), get({ 'if-none-match': '"other"' })]
  const { batch, json } = await injectBatch(app, items)
  t.match(batch, [
    { status_code: 304, reason_phrase: 'Not Modified', headers: { etag: tag }, body: '' }, { status_code: 200, body: 'text' }
  ])
  t.notOk('body_encoding' in batch[0]!)
  t.match(json.summary, { ok: 2 })
  const lines = await (await streamBatch(t, app, { batch: items })).rest()
  t.match(lines, [{ index: 0, status_code: 304, body: '' }, { index: 1, status_code: 200 }, { summary: { ok: 2 } }])
})

testEach('what waits for a 304 runs', async (t, dispatch) => {
  const app = await buildCached(t, dispatch)
  const { batch: [first] } = await injectBatch(app, [{ method: 'get', url: '/text' }])
  const headers = { 'if-none-match': first!.headers.etag as string }
  const { batch } = await injectBatch(app, [
    { id: 'a', method: 'get', url: '/text', headers }, { method: 'get', url: '/text', depends_on: ['a'] }
  ])
  t.strictSame(batch.map(answer => answer.status_code), [304, 200])
})

testEach('conditions of the batch request are not those of its items, and its answer is never stored', async (t, dispatch) => {
  const app = await buildCached(t, dispatch)
  const { batch: [first] } = await injectBatch(app, [{ method: 'get', url: '/text' }])
  const headers = { 'if-none-match': first!.headers.etag as string, range: 'bytes=0-1', 'cache-control': 'max-age=60' }
  const { status, headers: answered, batch } = await injectBatch(app, [{ method: 'get', url: '/text' }], { headers })
  t.equal(status, 200)
  t.equal(answered['cache-control'], 'no-store')
  t.match(batch, [{ status_code: 200, body: 'text' }])
  t.equal((await injectBatch(app, [])).headers['cache-control'], 'no-store')
})
