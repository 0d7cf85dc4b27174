// Batches that outlive their connection, and their Redis.
import t from 'tap'
import { bullmq } from '../../lib/bullmq.ts'
import { channels } from '../../lib/index.ts'
import { listen } from '../helper.ts'
import { ndjson, streamBatch } from '../fixtures/lines.ts'
import { buildApi, get, lookInto, skip, startServer, until } from '../executors/bullmq/queue.ts'
import { answerOf, location, me, read, startWaiting, submit } from './stored.ts'

t.test('while Redis is away nothing is accepted, and nothing that was is lost', { skip }, async t => {
  const redis = await startServer(t)
  const own = { connection: redis.address, queue: 'away' }
  const api = buildApi(t, { ...own, limit: 2 }, { respondAsync: {} })
  const worker = await startWaiting(t, own)
  const url = await location(api, [get('/wait/a'), get('/status/200'), { method: 'post', url: '/wait/b' }, get('/echo')])
  await worker.reached('a')
  await worker.reached('b')
  await redis.stop()
  const refused = [
    await submit(api, [get('/echo')]), await api.inject({ url, headers: me }),
    await api.inject({ url, headers: { ...me, accept: ndjson } }), await api.inject({ method: 'DELETE', url, headers: me })
  ]
  for (const { statusCode, body } of refused) {
    t.equal(statusCode, 503)
    t.match(body, /FST_BATCH_QUEUE_UNAVAILABLE/)
  }
  worker.go('a', 'b')
  await redis.start()
  await until(async () => (await read(api, url)).status === 200)
  t.match((await answerOf(api, url)).summary, { total: 4, ok: 4 })
  t.strictSame(worker.urls.toSorted(), ['/echo', '/status/200', '/wait/a', '/wait/b'])
})

t.test('an answer in lines breaks off, where it cannot go on', { skip }, async t => {
  const redis = await startServer(t)
  const own = { connection: redis.address, queue: 'lines' }
  const api = await listen(buildApi(t, own, { respondAsync: {} }))
  const worker = await startWaiting(t, own)
  const items = [get('/status/200'), get('/wait/a')]
  const path = await location(api, items)
  const lines = () => streamBatch(t, api, undefined, { path, method: 'GET', headers: { ...me, accept: ndjson } })

  const cut = await lines()
  t.match(await cut.next(), { index: 0 })
  await redis.stop()
  await t.rejects(cut.rest(), { code: 'ECONNRESET' }, 'Redis is away')
  await redis.start()

  await until(async () => (await read(api, path)).status === 202)
  const gone = await lines()
  t.match(await gone.next(), { index: 0 })
  await lookInto(t, redis.address).del(`bull:lines:batch-stored:${path.slice(7)}`)
  await t.rejects(gone.rest(), { code: 'ECONNRESET' }, 'it has expired')

  const other = await location(api, items)
  const closed = await streamBatch(t, api, undefined, { path: other, method: 'GET', headers: { ...me, accept: ndjson } })
  t.match(await closed.next(), { index: 0 })
  const rest = t.rejects(closed.rest(), { code: 'ECONNRESET' }, 'the app closes')
  await api.close()
  await rest
  worker.go('a')
})

t.test('who follows a batch and leaves is not waited for', { skip }, async t => {
  const redis = await startServer(t)
  const own = { connection: redis.address, queue: 'leaves' }
  const api = await listen(buildApi(t, own, { respondAsync: {} }))
  const worker = await startWaiting(t, own)
  const path = await location(api, [get('/wait/a')])
  await worker.reached('a')
  const look = lookInto(t, redis.address)
  const followers = async () => (await look.pubsub('NUMSUB', `bull:leaves:batch-stored:${path.slice(7)}`))[1]
  const leaving = new AbortController()
  const { port } = api.server.address() as { port: number }
  const followed = fetch(`http://127.0.0.1:${port}${path}`, { headers: { ...me, accept: ndjson }, signal: leaving.signal })
  await until(async () => (await followers()) === 1)
  leaving.abort()
  await t.rejects(followed, { name: 'AbortError' })
  await until(async () => (await followers()) === 0)
  worker.go('a')
})

t.test('what a process claims twice it runs once', { skip }, async t => {
  const redis = await startServer(t)
  const own = { connection: redis.address, queue: 'twice' }
  const look = lookInto(t, redis.address)
  const executor = bullmq(own)
  const { storage } = executor
  let claims = 0
  const claim: typeof storage.claim = async route => {
    // As if this process had slept between two steps.
    const [id] = await look.zrangebyscore('bull:twice:batch-unfinished:/batch', '-inf', '+inf')
    if (claims === 1) await look.zadd('bull:twice:batch-unfinished:/batch', '0', id!)
    const batch = await storage.claim(route)
    if (batch !== undefined) claims++
    return batch
  }
  const api = buildApi(t, own, { executor: { ...executor, storage: { ...storage, claim } }, respondAsync: {} })
  const worker = await startWaiting(t, own)
  let started = 0
  const count = () => { started++ }
  channels.subrequest.start.subscribe(count)
  t.teardown(() => { channels.subrequest.start.unsubscribe(count) })
  const url = await location(api, [{ method: 'post', url: '/wait/a' }])
  await worker.reached('a')
  await until(() => claims === 2)
  worker.go('a')
  t.match((await answerOf(api, url)).batch, [{ status_code: 200 }])
  t.strictSame(worker.urls, ['/wait/a'])
  t.equal(started, 1)
})
