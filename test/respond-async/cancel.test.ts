// DELETE: what has not started does not start any more.
import { bullmq } from '../../lib/bullmq.ts'
import { buildApi, get, lookInto, startOnly, until } from '../executors/bullmq/queue.ts'
import { answerOf, follow, location, me, read, startWaiting } from './stored.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  const cancelled = { status_code: 424, outcome: 'not_started', body: /FST_BATCH_CANCELLED/ }

  t.test('what runs ends, what waits here or in the queue does not begin', async t => {
    const own = { connection, queue: 'cancelled' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, { ...own, limit: 2 }, { respondAsync: {} })
    const worker = await startWaiting(t, { ...own, concurrency: 1 })
    const url = await location(api, [get('/wait/a'), get('/wait/b'), get('/wait/c')])
    await worker.reached('a')
    await until(async () => (await redis.llen('bull:cancelled:wait')) === 1)
    const { statusCode, body } = await api.inject({ method: 'DELETE', url, headers: me })
    t.match([statusCode, body], [204, ''])
    await until(async () => (await read(api, url)).json.done === 2)
    worker.go('a')
    t.match(await answerOf(api, url), {
      batch: [{ status_code: 200 }, cancelled, cancelled], summary: { ok: 1, not_started: 2, retry: [] }
    })
    t.strictSame(worker.urls, ['/wait/a'])
    t.equal((await api.inject({ method: 'DELETE', url, headers: me })).statusCode, 204, 'again')
    t.equal((await read(api, url)).status, 200, 'the answer stays')
    await until(async () => (await redis.llen('bull:cancelled:wait')) === 0)
  })

  t.test('by another process than the one that runs it, and twice', async t => {
    const own = { connection, queue: 'other' }
    const runs = buildApi(t, { ...own, limit: 1 }, { respondAsync: {} })
    const worker = await startWaiting(t, own)
    const url = await location(runs, [get('/wait/a'), get('/wait/b')])
    await worker.reached('a')
    const other = buildApi(t, own, { respondAsync: {} })
    for (let time = 0; time < 2; time++) await other.inject({ method: 'DELETE', url, headers: me })
    await until(async () => (await read(other, url)).json.done === 1)
    worker.go('a')
    t.match((await answerOf(other, url)).batch, [{ status_code: 200 }, cancelled])
  })

  t.test('while no process runs it', async t => {
    const own = { connection, queue: 'nobody' }
    const first = buildApi(t, { ...own, limit: 1 }, { respondAsync: {} })
    const worker = await startWaiting(t, own)
    const url = await location(first, [get('/wait/a'), get('/wait/b')])
    await worker.reached('a')
    const executor = bullmq(own)
    // It is told with the batch, not afterwards; and of others when they have ended.
    const storage = { ...executor.storage, renew: async () => ['ended'] }
    const second = buildApi(t, own, { executor: { ...executor, storage }, respondAsync: { concurrency: 1 } })
    await second.ready()
    const busy = await location(second, [get('/wait/busy')])
    await worker.reached('busy')
    await first.close()
    await second.inject({ method: 'DELETE', url, headers: me })
    worker.go('busy', 'a')
    await follow(second, busy)
    t.match((await answerOf(second, url)).batch, [{ status_code: 200 }, cancelled])
    t.notMatch(worker.urls.join(), /b$/)
  })
}
