import t from 'tap'
import { concurrent, type BatchItem } from '../../lib/index.ts'
import { build, injectBatch, latch } from '../helper.ts'

const item = (method: string, url: string, more: Partial<BatchItem> = {}): BatchItem => ({ method, url, ...more })

t.test('it counts what happened', async t => {
  const app = build(t)
  app.all('/:status', async (request, reply) => reply.code(Number((request.params as { status: string }).status)).send())
  const { json } = await injectBatch(app, [
    item('get', '/200'), item('post', '/201'), item('get', '/304'), item('get', '/404', { id: 'a' }), item('get', '/500'),
    item('get', '/200', { depends_on: ['a'] })
  ])
  t.strictSame(json.summary, { total: 6, ok: 3, failed: 2, not_started: 1, retry: [] })
  const { json: { summary } } = await injectBatch(app, [item('get', '/200')])
  t.strictSame(summary, { total: 1, ok: 1, failed: 0, not_started: 0, retry: [] })
})

t.test('what was refused for now is worth sending again, and when', async t => {
  const app = build(t)
  app.all('/:status', async (request, reply) => {
    const { after } = request.query as { after?: string }
    if (after !== undefined) reply.header('retry-after', after)
    return reply.code(Number((request.params as { status: string }).status)).send()
  })
  const soon = new Date(Date.now() + 90_000).toUTCString()
  const past = new Date(0).toUTCString()
  const retryOf = async (...urls: string[]) => {
    const { retry, retry_after: after } = (await injectBatch(app, urls.map(url => item('post', url)))).json.summary
    return [retry, after]
  }
  t.strictSame(await retryOf('/429', '/200', '/503', '/500', '/504'), [[0, 2], undefined])
  t.strictSame(await retryOf('/429?after=7', '/503?after=30', '/429?after=x', '/200?after=500'), [[0, 1, 2], 30])
  t.strictSame(await retryOf('/429?after=0'), [[0], 0])
  t.strictSame(await retryOf(`/429?after=${encodeURIComponent(past)}`), [[0], 0])
  const [, after] = await retryOf(`/503?after=${encodeURIComponent(soon)}`)
  t.ok(after > 0 && after <= 90)
})

t.test('of what may have run, only what does no harm twice', async t => {
  const app = build(t, { subrequestTimeout: 30, maxResponseBytes: 10, executor: concurrent({ limit: 10 }) })
  app.all('/never', () => {})
  app.get('/large', async () => 'x'.repeat(11))
  app.get('/informational', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(102)
    reply.raw.end()
  })
  app.get('/reset', (_request, reply) => {
    reply.hijack()
    reply.raw.destroy()
  })
  const methods = ['get', 'HEAD', 'put', 'delete', 'options', 'trace', 'post', 'patch']
  const { json } = await injectBatch(app, [
    ...methods.map(method => item(method, '/never')), item('get', '/large'), item('get', '/informational'), item('get', '/reset')
  ])
  t.equal(json.summary.failed, 11)
  t.strictSame(json.summary.retry, [0, 1, 2, 3, 4, 5, 10])
})

t.test('what there was no time for, or what the close of the server kept from running', async t => {
  const late = build(t, { batchTimeout: 30 })
  late.post('/never', () => {})
  const { json: { summary } } = await injectBatch(late, [item('post', '/never'), item('post', '/never')])
  t.strictSame(summary, { total: 2, ok: 0, failed: 1, not_started: 1, retry: [1] })

  const app = build(t)
  const started = latch()
  const closing = latch()
  app.addHook('preClose', async () => { closing.open() })
  app.post('/wait', async () => {
    started.open()
    await closing.promise
    return 'x'
  })
  const answered = injectBatch(app, [item('post', '/wait'), item('post', '/wait')])
  await started.promise
  await app.close()
  t.strictSame((await answered).json.summary, { total: 2, ok: 1, failed: 0, not_started: 1, retry: [1] })
})

t.test('never what only another item kept from running', async t => {
  const app = build(t)
  app.get('/429', async (_request, reply) => reply.code(429).send())
  const items = [item('get', '/429', { id: 'a' }), item('get', '/429', { depends_on: ['a'] })]
  t.strictSame((await injectBatch(app, items)).json.summary, { total: 2, ok: 0, failed: 1, not_started: 1, retry: [0] })
  const response = await app.inject({ method: 'POST', url: '/batch', payload: { batch: items.slice(0, 1).concat(item('get', '/429')), on_error: 'stop' } })
  t.strictSame(response.json().summary, { total: 2, ok: 0, failed: 1, not_started: 1, retry: [0] })
})
