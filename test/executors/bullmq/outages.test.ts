// What becomes of subrequests when Redis goes away, and comes back.
import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import { injectBatch } from '../../helper.ts'
import {
  answers, buildApi, leftovers, lookInto, makeLedger, skip, startHere, startProcess, startServer, until, waitingApp
} from './queue.ts'

const note = { method: 'post', url: '/note', body: 'noted', headers: { 'content-type': 'text/plain' } }

t.test('what waits and what runs when Redis crashes is answered when it is back', { skip }, async t => {
  const redis = await startServer(t)
  const connection = redis.address
  const api = buildApi(t, { connection })
  const app = waitingApp()
  await startHere(t, { connection, app: app.build })
  const answered = injectBatch(api, Array(3).fill({ method: 'post', url: '/wait' }))
  await app.reached
  const look = lookInto(t, connection)
  await until(async () => (await look.llen('bull:batches:wait')) === 2)
  await redis.stop()
  app.go()
  await redis.start()
  t.match((await answered).batch, Array(3).fill({ status_code: 200, body: 'waited' }))
  t.strictSame(app.events, Array(3).fill('started'))
  await until(async () => (await leftovers(look)).length === 0)
})

t.test('what comes while Redis is away is refused and never run, and what comes afterwards is answered', { skip }, async t => {
  const redis = await startServer(t)
  const connection = redis.address
  const { file, read } = makeLedger(t)
  const lines: string[] = []
  const api = buildApi(t, { connection }, {}, { logger: { stream: { write (line: string) { lines.push(line) } } } })
  await startProcess(t, { connection, appOptions: { ledger: file } })
  t.match(await answers(api, '/pid'), [{ status_code: 200 }])
  await redis.stop('SIGTERM')
  await until(() => lines.filter(line => line.includes('was lost')).length === 2)
  const back = delay(5000).then(() => redis.start())
  t.match((await injectBatch(api, [note, note])).batch, Array(2).fill({
    status_code: 503, outcome: 'not_started', body: /FST_BATCH_QUEUE_UNAVAILABLE/
  }))
  await back
  let answer
  do {
    [answer] = await answers(api, '/pid')
  } while (answer!.outcome === 'not_started')
  t.match(answer, { status_code: 200 })
  t.strictSame(read(), ['boot'])
  t.ok(lines.some(line => line.includes('is back')))
})

t.test('what was on its way to a Redis that hangs is not run when it goes on', { skip }, async t => {
  const redis = await startServer(t)
  const connection = redis.address
  const { file, read } = makeLedger(t)
  const api = buildApi(t, { connection, enqueueTimeout: 200 })
  await startProcess(t, { connection, appOptions: { ledger: file } })
  t.match(await answers(api, '/pid'), [{ status_code: 200 }])
  process.kill(redis.pid, 'SIGSTOP')
  t.match((await injectBatch(api, [note])).batch, [{ status_code: 503, outcome: 'not_started' }])
  process.kill(redis.pid, 'SIGCONT')
  t.match(await answers(api, '/pid'), [{ status_code: 200 }])
  t.strictSame(read(), ['boot'])
})

t.test('what was stored before Redis hung, and perhaps enqueued, is taken back', { skip }, async t => {
  const redis = await startServer(t)
  const connection = redis.address
  const look = lookInto(t, connection)
  const jobName = () => {
    process.kill(redis.pid, 'SIGSTOP')
    return 'late'
  }
  const api = buildApi(t, { connection, enqueueTimeout: 100, jobName })
  const answered = injectBatch(api, [note])
  await delay(400)
  process.kill(redis.pid, 'SIGCONT')
  t.match((await answered).batch, [{ status_code: 503, outcome: 'not_started', body: /FST_BATCH_QUEUE_UNAVAILABLE/ }])
  await until(async () => (await leftovers(look)).length === 0)
})

t.test('a Redis that is not there when the app starts keeps it from starting', { skip }, async t => {
  const redis = await startServer(t)
  await redis.stop()
  const api = buildApi(t, { connection: redis.address })
  await t.rejects(async () => api.ready(), { code: 'FST_BATCH_QUEUE_UNAVAILABLE' })
})

t.test('an app closes although Redis is away, and so does a worker', { skip }, async t => {
  const redis = await startServer(t)
  const connection = redis.address
  const api = buildApi(t, { connection })
  const lines: string[] = []
  const logger = { stream: { write (line: string) { lines.push(line) } } }
  const app = () => Fastify({ logger }).get('/', async () => 'works')
  const worker = await startHere(t, { connection, gracePeriod: 100, app })
  t.match(await answers(api, '/'), [{ status_code: 200 }])
  await redis.stop()
  await until(() => lines.filter(line => line.includes('was lost')).length === 2)
  await api.close()
  await worker.close()
})

t.test('a client that goes while Redis is away has its items taken back afterwards', { skip }, async t => {
  const redis = await startServer(t)
  const connection = redis.address
  const { file, read } = makeLedger(t)
  const api = buildApi(t, { connection }, { subrequestTimeout: 20_000, batchTimeout: 1000 })
  const answered = injectBatch(api, [note])
  const look = lookInto(t, connection)
  await until(async () => (await look.llen('bull:batches:wait')) === 1)
  await redis.stop()
  t.match((await answered).batch, [{ status_code: 504, outcome: 'unknown' }])
  await redis.start()
  await startHere(t, { connection, arguments: [{ ledger: file }] })
  await until(async () => (await leftovers(look)).length === 0)
  t.strictSame(read(), ['boot'])
})
