// What is stored of a batch, for how long, and how much of it there may be.
import type { ServerResponse } from 'node:http'
import { bullmq } from '../../lib/bullmq.ts'
import { buildApi, get, leftovers, lookInto, startOnly, until } from '../executors/bullmq/queue.ts'
import { ndjson, streamBatch } from '../fixtures/lines.ts'
import { listen } from '../helper.ts'
import { answerOf, follow, location, me, read, startWaiting, submit } from './stored.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('when it has ended, nothing of its requests is left; after its lifetime, nothing at all', async t => {
    const own = { connection, queue: 'life' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own, { respondAsync: { lifetime: 1500 } })
    await startWaiting(t, own)
    const secret = { method: 'post', url: '/status/200?secret=1', headers: { 'x-secret': 'item' }, body: 'secret body' }
    const url = await location(api, [secret, get('/status/404')], { headers: { cookie: 'secret', 'idempotency-key': 'k' } })
    const headers = { ...me, cookie: 'secret' }
    await follow(api, url, headers)
    const id = url.slice('/batch/'.length)
    const stored = [
      ...Object.entries(await redis.hgetall(`bull:life:batch-stored:${id}`)),
      ...await redis.lrange(`bull:life:batch-outcomes:${id}`, 0, -1)
    ]
    t.notMatch(stored.join(), /secret|Bearer/)
    const ours = async () => (await leftovers(redis)).filter(key => key.includes(':life:'))
    t.match(await ours(), [/outcomes/, /repetition/, /stored/])
    await until(async () => (await ours()).length === 0)
    t.equal((await read(api, url, headers)).status, 404)
  })

  t.test('a batch that nobody runs is forgotten in the end', async t => {
    const own = { connection, queue: 'nobody' }
    const redis = lookInto(t, connection)
    const executor = bullmq(own)
    // This process takes none.
    const storage = { ...executor.storage, claim: async () => undefined }
    const respondAsync = { batchTimeout: 100, lifetime: 400 }
    const api = buildApi(t, own, { executor: { ...executor, storage }, respondAsync })
    const url = await location(api, [get('/echo')])
    t.equal((await read(api, url)).status, 202)
    await until(async () => (await read(api, url)).status === 404)
    const other = buildApi(t, own, { respondAsync: {} })
    await other.ready()
    await until(async () => (await redis.keys('bull:nobody:batch-*')).length === 0)
  })

  t.test('one that expires while it is read is not there', async t => {
    const own = { connection, queue: 'expires' }
    const redis = lookInto(t, connection)
    const executor = bullmq(own)
    const { storage } = executor
    let looks = 0
    // What has come meanwhile is seen with the next look.
    const readOutcomes = async (id: string, from: number) => looks++ === 0 ? [] : storage.readOutcomes(id, from)
    const api = buildApi(t, own, { executor: { ...executor, storage: { ...storage, readOutcomes } }, respondAsync: {} })
    await startWaiting(t, own)
    const url = await location(api, [get('/echo')])
    await until(async () => (await read(api, url)).status !== 202)
    looks = 0
    t.match(await follow(api, url), [{ status_code: 200 }, { summary: { ok: 1 } }])
    await redis.del(`bull:expires:batch-outcomes:${url.slice('/batch/'.length)}`)
    t.equal((await read(api, url)).status, 404)
  })

  t.test('out of time, it is answered as any batch', async t => {
    const own = { connection, queue: 'late' }
    const api = buildApi(t, { ...own, limit: 1 }, { respondAsync: { batchTimeout: 60_000 } })
    const worker = await startWaiting(t, own)
    const url = await location(api, [get('/wait/a'), get('/echo')], { timeout_ms: 300 })
    t.match((await answerOf(api, url)).batch, [
      { status_code: 504, outcome: 'unknown', body: /FST_BATCH_TIMEOUT.* 300 ms/ },
      { status_code: 504, outcome: 'not_started' }
    ])
    const other = buildApi(t, own, { respondAsync: { subrequestTimeout: 300 } })
    t.match((await answerOf(other, await location(other, [get('/wait/a'), get('/status/200')]))).batch, [
      { status_code: 504, outcome: 'unknown', body: /FST_BATCH_SUBREQUEST_TIMEOUT/ }, { status_code: 200 }
    ])
    worker.go('a')
  })

  t.test('budgets hold for all of it', async t => {
    const own = { connection, queue: 'budget' }
    const api = buildApi(t, { ...own, limit: 1 }, { respondAsync: {}, maxBatchResponseBytes: 30 })
    await startWaiting(t, own)
    const url = await location(api, [get('/status/200'), get('/status/201'), get('/status/202')])
    t.match((await answerOf(api, url)).batch, [
      { status_code: 200 }, { status_code: 201 }, { status_code: 502, body: /FST_BATCH_RESPONSE_TOO_LARGE/ }
    ])
  })

  t.test('there may be so many unfinished ones, and no more', async t => {
    const own = { connection, queue: 'full' }
    const api = buildApi(t, own, { respondAsync: { maxBatches: 2 } })
    const worker = await startWaiting(t, own)
    const urls = [await location(api, [get('/wait/a')]), await location(api, [get('/wait/b')])]
    const { statusCode, headers, body } = await submit(api, [get('/echo')])
    t.equal(statusCode, 503)
    t.match(headers, { 'retry-after': '1' })
    t.match(body, /FST_BATCH_STORAGE_FULL/)
    worker.go('a', 'b')
    await Promise.all(urls.map(url => follow(api, url)))
    await location(api, [get('/echo')])
  })

  t.test('large answers are read from Redis as they are taken', async t => {
    const own = { connection, queue: 'large' }
    const executor = bullmq(own)
    const { storage } = executor
    let reads = 0
    const readOutcomes = async (id: string, from: number) => {
      reads++
      return storage.readOutcomes(id, from)
    }
    const api = await listen(buildApi(t, own, {
      executor: { ...executor, storage: { ...storage, readOutcomes } },
      respondAsync: {},
      maxRequests: 100,
      route: { bodyLimit: 2 ** 24 }
    }))
    await startWaiting(t, own)
    const text = 'x'.repeat(150_000)
    const items = Array.from({ length: 100 }, (_, index) => ({ method: 'post', url: '/echo', body: { index, text } }))
    const path = await location(api, items)
    await until(async () => (await api.inject({ url: path, headers: me })).statusCode === 200)
    reads = 0
    let response: ServerResponse
    api.server.once('request', (_request, itsResponse) => { response = itsResponse })
    const { rest } = await streamBatch(t, api, undefined, { path, method: 'GET', headers: { ...me, accept: ndjson } })
    await until(() => response.writableNeedDrain)
    const redis = lookInto(t, connection)
    for (let time = 0; time < 50; time++) await redis.ping()
    t.ok(reads < 100 / 8)
    const lines = await rest()
    t.match(lines.at(-1), { summary: { total: 100, ok: 100 } })
    t.ok(lines.slice(0, -1).every(({ index, body }) => JSON.parse(body).body.index === index))
    t.ok(reads > 100 / 8)
  })
}
