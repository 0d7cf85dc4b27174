// What goes well.
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { Queue } from 'bullmq'
import { injectBatch, latch, listen, sendBatch } from '../../helper.ts'
import {
  answers, buildApi, get, leftovers, lookInto, makeLedger, startHere, startOnly, startProcess, until
} from './queue.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('work spreads over all workers', async t => {
    const api = buildApi(t, { connection, queue: 'spread' })
    const workers = await Promise.all([1, 2, 3].map(() => startProcess(t, { connection, queue: 'spread' })))
    const pids = new Set<number>()
    while (pids.size < 3) for (const { body } of await answers(api, ...Array(12).fill('/spin?ms=20'))) pids.add(Number(body))
    t.strictSame([...pids].sort(), workers.map(({ pid }) => pid).sort())
  })

  t.test('a worker runs as many subrequests at once as it is told to', async t => {
    const api = buildApi(t, { connection, queue: 'concurrency' })
    let running = 0
    let most = 0
    const all = latch()
    const app = () => Fastify().get('/together', async () => {
      most = Math.max(most, ++running)
      if (running === 3) all.open()
      await all.promise
      running--
      return 'done'
    })
    await startHere(t, { connection, queue: 'concurrency', app, concurrency: 3 })
    t.match(await answers(api, ...Array(6).fill('/together')), Array(6).fill({ status_code: 200 }))
    t.equal(most, 3)
  })

  t.test('eight MiB there and back are what they were, and nothing of them stays', async t => {
    const own = { connection, queue: 'large' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own, { route: { bodyLimit: 2 ** 25 } })
    await listen(api)
    const app = () => Fastify({ bodyLimit: 2 ** 25 }).post('/echo', async ({ body }) => body)
    const worker = await startHere(t, { ...own, app, concurrency: 4 })
    const body = randomBytes(4 * 2 ** 20).toString('hex')
    const items = Array(2).fill({ method: 'post', url: '/echo', headers: { 'content-type': 'text/plain' }, body })
    const { batch } = await sendBatch(api, items)
    for (const answer of batch) t.ok(answer.body === body)
    await worker.close()
    await api.close()
    t.strictSame((await leftovers(redis)).filter(key => key.includes(':large:')), [])
  })

  t.test('while a subrequest runs, its job has a useful name and no secrets, and afterwards there is nothing', async t => {
    const own = { connection, queue: 'secrets' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own)
    const jobs = new Queue('secrets', { connection })
    t.teardown(() => jobs.close())
    const reached = latch()
    const go = latch()
    const app = () => Fastify().post('/users/:id', async () => {
      reached.open()
      await go.promise
      return { token: 'answered-secret' }
    })
    const worker = await startHere(t, { ...own, app })
    const headers = { authorization: 'Bearer header-secret' }
    const item = { method: 'post', url: '/users/5?key=query-secret', headers, body: { password: 'body-secret' } }
    const answered = injectBatch(api, [item])
    await reached.promise
    const [job] = await jobs.getActive()
    t.match(job, { name: 'POST /users/5', data: { requestId: 'req-1', index: 0 }, processedBy: /:\d+$/ })
    t.notMatch(JSON.stringify(await redis.hgetall(`bull:secrets:${job!.id}`)), /secret/i)
    const [task] = (await leftovers(redis)).filter(key => key.startsWith('bull:secrets:batch-task:'))
    const ttl = await redis.pttl(task!)
    t.ok(ttl > 0 && ttl <= 26_000, 'it has the time that is left for it')
    go.open()
    t.match((await answered).batch, [{ status_code: 200 }])
    await worker.close()
    t.strictSame((await leftovers(redis)).filter(key => key.includes(':secrets:')), [])
    t.notMatch(JSON.stringify(await redis.xrange('bull:secrets:events', '-', '+')), /secret/)
  })

  t.test('jobs are named as the option says', async t => {
    const api = buildApi(t, { connection, queue: 'named', jobName: ({ batch }) => `item ${batch.index}` }, { subrequestTimeout: 3000 })
    const jobs = new Queue('named', { connection })
    t.teardown(() => jobs.close())
    const answered = answers(api, '/pid')
    await until(async () => (await jobs.getWaiting()).length === 1)
    t.equal((await jobs.getWaiting())[0]!.name, 'item 0')
    t.match(await answered, [{ status_code: 503, outcome: 'not_started', body: /FST_BATCH_QUEUE_TIMEOUT/ }])
    t.strictSame(await jobs.getWaiting(), [])
  })

  t.test('what no worker takes in time was not started, and never will be', async t => {
    const ledger = makeLedger(t)
    const api = buildApi(t, { connection }, { subrequestTimeout: 600 })
    const note = { method: 'post', url: '/note', body: 'noted', headers: { 'content-type': 'text/plain' } }
    const { batch, json } = await injectBatch(api, [note])
    t.match(batch, [{ status_code: 503, outcome: 'not_started', body: /no worker took it within 4\d\d ms/ }])
    t.match(json.summary, { retry: [0] })
    await startHere(t, { connection, arguments: [{ ledger: ledger.file }] })
    t.match(await answers(api, '/pid'), [{ status_code: 200 }])
    t.strictSame(ledger.read(), ['boot'])
  })

  t.test('a module, a path and a client of ioredis do as well', async t => {
    const redis = lookInto(t, connection)
    const own = { connection: redis, queue: 'module', prefix: '{own}' }
    const api = buildApi(t, own)
    await startHere(t, { ...own, app: 'test/executors/process-pool/app.ts', exportName: 'named', arguments: ['given'], metrics: { maxDataPoints: 5 } })
    t.match(await answers(api, '/named'), [{ status_code: 200, body: 'given' }])
  })

  t.test('two API processes get their own answers', async t => {
    const own = { connection, queue: 'two' }
    await startHere(t, { ...own, app: () => Fastify().get('/:name', async ({ params }) => params) })
    const apis = ['a', 'b'].map(name => [name, buildApi(t, own)] as const)
    await Promise.all(apis.map(async ([name, api]) => {
      const bodies = (await answers(api, ...Array(20).fill(`/${name}`))).map(({ body }) => body)
      t.strictSame(new Set(bodies), new Set([`{"name":"${name}"}`]))
    }))
  })

  t.test('an app that has a batch route with the same queue can be that of the worker', async t => {
    const own = { connection, queue: 'same' }
    const app = () => buildApi({ teardown () {} }, own).get('/', async () => 'works')
    await startHere(t, { ...own, app })
    const { batch } = await injectBatch(buildApi(t, own), [get('/'), { method: 'post', url: '/batch', body: { batch: [get('/')] } }])
    t.match(batch, [{ status_code: 200, body: 'works' }, { status_code: 400, body: /FST_BATCH_NESTED/ }])
  })
}
