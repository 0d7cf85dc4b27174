// Whatever becomes of a worker: there is one answer, and nothing that does harm is run twice.
import { Queue } from 'bullmq'
import Fastify from 'fastify'
import { injectBatch } from '../../helper.ts'
import {
  answers, buildApi, get, leftovers, lookInto, makeLedger, startHere, startOnly, startProcess, until, waitingApp
} from './queue.ts'

const { t, connection } = await startOnly()
const note = { method: 'post', url: '/note', body: 'noted', headers: { 'content-type': 'text/plain' } }

if (connection !== undefined) {
  t.test('what is not idempotent is answered 502 when its worker is killed, and is not run again', async t => {
    const own = { connection, queue: 'killed', lockDuration: 500 }
    const { file, read } = makeLedger(t)
    const api = buildApi(t, { connection, queue: 'killed' })
    const worker = await startProcess(t, { ...own, appOptions: { ledger: file } })
    await startHere(t, { ...own, app: () => Fastify().get('/idle', async () => 'idle') })
    // One of the two takes it; the other one has no such route.
    let batch
    do {
      batch = (await injectBatch(api, [{ method: 'post', url: '/note-and-die' }])).batch
    } while (batch[0]!.status_code === 404)
    t.match(batch, [{ status_code: 502, outcome: 'unknown', body: /FST_BATCH_WORKER_DIED/ }])
    t.strictSame(await worker.ended, [null, 'SIGKILL'])
    t.strictSame(read(), ['boot', 'ran'])
  })

  t.test('what is idempotent is run again when its worker is killed', async t => {
    const own = { connection, queue: 'again', lockDuration: 500 }
    const api = buildApi(t, { connection, queue: 'again' })
    const first = await startProcess(t, own)
    const answered = answers(api, '/wait?name=a')
    await until(async () => (await lookInto(t, connection).llen('bull:again:active')) === 1)
    first.kill()
    await first.ended
    await startHere(t, { ...own, app: () => Fastify().get('/wait', async () => 'again') })
    t.match(await answered, [{ status_code: 200, body: 'again' }])
  })

  t.test('what kills every worker is answered when it has been started often enough', async t => {
    const own = { connection, queue: 'poison', lockDuration: 500 }
    const api = buildApi(t, { connection, queue: 'poison', attempts: 2 })
    await Promise.all([1, 2, 3].map(() => startProcess(t, own)))
    t.match(await answers(api, '/exit'), [{ status_code: 502, outcome: 'unknown', body: /FST_BATCH_WORKER_DIED/ }])
    t.match(await answers(api, '/pid'), [{ status_code: 200 }], 'one is left')
  })

  t.test('all that waits runs in the workers that are left', async t => {
    const own = { connection, queue: 'left', lockDuration: 500 }
    const { file, read } = makeLedger(t)
    const api = buildApi(t, { connection, queue: 'left' })
    const dying = await startProcess(t, { ...own, appOptions: { ledger: file } })
    const answered = injectBatch(api, [{ method: 'post', url: '/note-and-die' }, ...Array(5).fill(note)])
    await dying.ended
    await startProcess(t, { ...own, appOptions: { ledger: file } })
    const { batch } = await answered
    t.match(batch, [{ status_code: 502, outcome: 'unknown' }, ...Array(5).fill({ status_code: 200, body: 'noted' })])
    t.strictSame(read(), ['boot', 'ran', 'boot', ...Array(5).fill('noted')])
  })

  t.test('a worker that is stopped is taken for dead, and what it answers later is not heard', async t => {
    const own = { connection, queue: 'stopped', lockDuration: 500 }
    const redis = lookInto(t, connection)
    const { file, read } = makeLedger(t)
    const api = buildApi(t, { connection, queue: 'stopped' })
    const stopped = await startProcess(t, { ...own, appOptions: { ledger: file } })
    t.match(await answers(api, '/pid'), [{ status_code: 200 }])
    const answered = injectBatch(api, [{ method: 'post', url: '/spin-and-note', body: { ms: 300 } }])
    await until(async () => (await redis.keys('bull:stopped:batch-task:*')).length === 1 &&
      (await redis.hget((await redis.keys('bull:stopped:batch-task:*'))[0]!, 'worker')) !== null)
    stopped.kill('SIGSTOP')
    const other = await startHere(t, { ...own, app: () => Fastify().get('/other', async () => 'other') })
    t.match((await answered).batch, [{ status_code: 502, outcome: 'unknown' }])
    await other.close()
    stopped.kill('SIGCONT')
    t.match(await answers(api, '/pid'), [{ status_code: 200, body: String(stopped.pid) }])
    t.strictSame(read(), ['boot', 'spun'], 'it went on, once')
    stopped.kill('SIGTERM')
    await stopped.ended
    t.strictSame((await leftovers(redis)).filter(key => key.includes(':stopped:')), [])
  })

  t.test('a job that is delivered twice is run once', async t => {
    const own = { connection, queue: 'twice' }
    const jobs = new Queue('twice', { connection })
    t.teardown(() => jobs.close())
    const api = buildApi(t, own)
    const app = waitingApp()
    await startHere(t, { ...own, app: app.build, concurrency: 2 })
    const answered = injectBatch(api, [{ method: 'post', url: '/wait' }])
    await app.reached
    const [job] = await jobs.getActive()
    // Somebody puts it into the list once more. The other slot of the worker gets it.
    const redis = lookInto(t, connection)
    await redis.lpush('bull:twice:wait', job!.id!)
    await redis.zadd('bull:twice:marker', 0, '0')
    t.match((await answered).batch, [{ status_code: 502, outcome: 'unknown' }])
    t.strictSame(app.events, ['started'])
    app.go()
  })

  t.test('a job whose task is gone is nothing to anybody', async t => {
    const own = { connection, queue: 'old' }
    const { file, read } = makeLedger(t)
    const jobs = new Queue('old', { connection })
    t.teardown(() => jobs.close())
    await jobs.add('POST /note', {}, { jobId: 'somebody.1', removeOnComplete: true })
    const api = buildApi(t, own)
    await startHere(t, { ...own, arguments: [{ ledger: file }] })
    t.match(await answers(api, '/pid'), [{ status_code: 200 }])
    t.strictSame(read(), ['boot'])
  })

  t.test('a task that cannot be read is answered', async t => {
    const own = { connection, queue: 'garbage' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own)
    const answered = answers(api, '/pid')
    await until(async () => (await redis.llen('bull:garbage:wait')) === 1)
    const [task] = await redis.keys('bull:garbage:batch-task:*')
    await redis.hset(task!, 'message', Buffer.from([0, 0, 0, 5, 1, 2, 3, 4, 5]))
    await startHere(t, own)
    t.match(await answered, [{ status_code: 502, outcome: 'unknown', body: /FST_BATCH_EXECUTOR_FAILED/ }])
  })

  t.test('an answer that cannot be read, or that nobody waits for, keeps no other one back', async t => {
    const own = { connection, queue: 'forged' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own)
    const answered = answers(api, '/pid')
    await until(async () => (await redis.llen('bull:forged:wait')) === 1)
    const [key] = await redis.keys('bull:forged:batch-task:*') as [string]
    const id = key.slice(key.lastIndexOf(':') + 1)
    const [channel] = await redis.pubsub('CHANNELS', 'bull:forged:batch-answers:*') as [string]
    await redis.hset(key, 'answer', Buffer.from([9, 9]))
    await redis.publish(channel, 'nobody.1')
    await redis.publish(channel, id)
    t.match(await answered, [{ status_code: 502, outcome: 'unknown', body: /FST_BATCH_EXECUTOR_FAILED/ }])
    await startHere(t, own)
    t.match(await answers(api, '/pid'), [{ status_code: 200 }])
    t.strictSame(await leftovers(redis).then(keys => keys.filter(key => key.includes(':forged:'))), [])
  })

  t.test('what Redis has lost is said to be lost', async t => {
    const own = { connection, queue: 'lost' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own, { subrequestTimeout: 1000 })
    const answered = injectBatch(api, [get('/pid')])
    await until(async () => (await redis.llen('bull:lost:wait')) === 1)
    await redis.flushall()
    t.match((await answered).batch, [{ status_code: 502, outcome: 'unknown', body: /FST_BATCH_QUEUE_LOST/ }])
  })
}
