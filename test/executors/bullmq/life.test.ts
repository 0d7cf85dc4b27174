// What ends subrequests, workers and API processes.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { Deliveries } from '../../../lib/executors/bullmq/deliveries.ts'
import { keysOf } from '../../../lib/executors/bullmq/keys.ts'
import { writeTask } from '../../../lib/executors/bullmq/message.ts'
import { storeTask } from '../../../lib/executors/bullmq/task-scripts.ts'
import { hostApp } from '../../../lib/hosted-app.ts'
import { startWorker } from '../../../lib/bullmq.ts'
import { injectBatch, listen } from '../../helper.ts'
import { answers, buildApi, get, leftovers, lookInto, startHere, startOnly, until, waitingApp } from './queue.ts'

const { t, connection } = await startOnly()

if (connection !== undefined) {
  t.test('what is out of time is aborted in the worker', async t => {
    const own = { connection, queue: 'late' }
    const app = waitingApp()
    await startHere(t, { ...own, app: app.build })
    const [answer] = await answers(buildApi(t, own, { subrequestTimeout: 500 }), '/wait')
    t.match(answer, { status_code: 504, outcome: 'unknown', body: /FST_BATCH_SUBREQUEST_TIMEOUT/ })
    await app.aborted
    app.go()
  })

  t.test('when the client goes, what runs is aborted in the worker, and what waits is removed', async t => {
    const own = { connection, queue: 'gone' }
    const redis = lookInto(t, connection)
    const app = waitingApp()
    await startHere(t, { ...own, app: app.build })
    // So that no deadline does what the client has to.
    const api = await listen(buildApi(t, own, { batchTimeout: 600_000, subrequestTimeout: 600_000 }))
    const body = JSON.stringify({ batch: Array(3).fill({ method: 'post', url: '/wait' }) })
    const socket = connect((api.server.address() as AddressInfo).port, '127.0.0.1')
    socket.write('POST /batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n')
    socket.write(`content-length: ${body.length}\r\n\r\n${body}`)
    await app.reached
    await until(async () => (await redis.llen('bull:gone:wait')) === 2)
    socket.destroy()
    await app.aborted
    await until(async () => (await redis.llen('bull:gone:wait')) === 0)
    app.go()
    t.match(await answers(api, '/'), [{ status_code: 200 }])
    await until(async () => !(await leftovers(redis)).some(key => key.includes(':gone:')))
    t.strictSame(app.events, ['started', 'aborted'])
  })

  t.test('when the API process is killed, what runs is aborted at its deadline, and nothing stays', async t => {
    const own = { connection, queue: 'orphans' }
    const redis = lookInto(t, connection)
    const app = waitingApp()
    const worker = await startHere(t, { ...own, app: app.build })
    const program = fileURLToPath(new URL('api-process.ts', import.meta.url))
    const api = fork(program, [JSON.stringify({ ...own, subrequestTimeout: 3000, url: '/wait' })])
    const ended = once(api, 'exit')
    await app.reached
    await until(async () => (await redis.llen('bull:orphans:wait')) === 1)
    api.kill('SIGKILL')
    await ended
    await app.aborted
    app.go()
    await until(async () => !(await leftovers(redis)).some(key => key.includes(':orphans:')))
    await worker.close()
    t.strictSame(app.events, ['started', 'aborted', 'closed'])
  })

  t.test('a worker that closes finishes what it runs, and leaves what waits to others', async t => {
    const own = { connection, queue: 'close' }
    const redis = lookInto(t, connection)
    const [first, second] = [waitingApp(), waitingApp()]
    const worker = await startHere(t, { ...own, app: first.build })
    const answered = answers(buildApi(t, own), '/wait', '/wait')
    await first.reached
    await until(async () => (await redis.llen('bull:close:wait')) === 1)
    const closed = worker.close()
    await startHere(t, { ...own, app: second.build })
    second.go()
    await second.reached
    first.go()
    await closed
    t.match(await answered, Array(2).fill({ status_code: 200, body: 'waited' }))
    t.strictSame(first.events, ['started', 'closed'])
    t.equal(worker.close(), closed, 'once')
  })

  t.test('a worker waits for a connection that is on its way back, and closes', { timeout: 20_000 }, async t => {
    const redis = lookInto(t, connection)
    const app = waitingApp()
    const worker = await startHere(t, { connection, queue: 'back', app: app.build, gracePeriod: 100_000 })
    const blocked = async () => /^id=(\d+) .* cmd=bzpopmin /m.exec(await redis.client('LIST') as string)?.[1]
    await until(async () => await blocked() !== undefined)
    await redis.client('KILL', 'ID', (await blocked())!)
    // By then, the worker knows.
    for (let time = 0; time < 3; time++) await redis.ping()
    await worker.close()
    t.strictSame(app.events, ['closed'])
  })

  t.test('what does not end within the grace period is aborted and answered', async t => {
    const own = { connection, queue: 'grace' }
    const app = waitingApp()
    const worker = await startHere(t, { ...own, app: app.build, gracePeriod: 100 })
    const answered = injectBatch(buildApi(t, own), [{ method: 'post', url: '/wait' }])
    await app.reached
    const closed = worker.close()
    await app.aborted
    t.match((await answered).batch, [{ status_code: 502, outcome: 'unknown', body: /FST_BATCH_WORKER_DIED/ }])
    await closed
    app.go()
    t.strictSame(app.events, ['started', 'aborted', 'closed'])
  })

  t.test('an app that closes waits for what runs', async t => {
    const own = { connection, queue: 'closing' }
    const app = waitingApp()
    await startHere(t, { ...own, app: app.build })
    const api = buildApi(t, own)
    await api.ready()
    const answered = answers(api, '/wait')
    await app.reached
    const executorClosed = api.close()
    app.go()
    t.match(await answered, [{ status_code: 200 }])
    await executorClosed
  })

  t.test('what is aborted before the worker knows what it is, is not run', async t => {
    const app = waitingApp()
    const redis = lookInto(t, connection)
    const keys = keysOf('bull', 'early')
    const host = await hostApp(app.build(), 'inject')
    const deliveries = new Deliveries(host, redis, keys, 'worker')
    const batch = { requestId: 'r', index: 0, size: 1, deadline: Date.now() + 1000 }
    const origin = { host: '', protocol: 'http' }
    const subrequest = {
      method: 'POST', url: '/wait', headers: {}, body: undefined, connection: {}, origin, batch, route: '/batch'
    }
    await storeTask(redis, keys.task('a.1'), { message: writeTask({ subrequest, maxResponseBytes: 5 }), left: 1000, starts: 1 })
    const delivered = deliveries.deliver('a.1')
    deliveries.abort('a.1')
    await delivered
    t.strictSame(app.events, [])
  })

  t.test('a claim that is sent twice by a connection that comes back counts once', async t => {
    const redis = lookInto(t, connection)
    const { answerTask, claimTask } = await import('../../../lib/executors/bullmq/task-scripts.ts')
    await storeTask(redis, 'claimed', { message: Buffer.from([255, 0]), left: 10_000, starts: 1 })
    for (const delivery of ['one', 'one']) {
      t.match(await claimTask(redis, 'claimed', 'worker', delivery), { message: Buffer.from([255, 0]) })
    }
    t.equal(await claimTask(redis, 'claimed', 'worker', 'two'), 'spent')
    await answerTask(redis, 'claimed', 'channel', { id: 'id', message: Buffer.from('answer') })
    t.equal(await claimTask(redis, 'claimed', 'worker', 'three'), 'gone')
  })

  t.test('what was given up is not claimed, while Redis still has it', async t => {
    const redis = lookInto(t, connection)
    const { claimTask } = await import('../../../lib/executors/bullmq/task-scripts.ts')
    await storeTask(redis, 'given-up', { message: Buffer.from('task'), left: 0, starts: 1 })
    t.equal(await claimTask(redis, 'given-up', 'worker', 'one'), 'gone')
    t.equal(await redis.hget('given-up', 'starts'), '1')
  })

  t.test('an app that may not hear of its answers does not start', async t => {
    const redis = lookInto(t, connection)
    await redis.call('ACL', 'SETUSER', 'deaf', 'on', 'nopass', '~*', '+@all', 'resetchannels')
    const api = buildApi(t, { connection: { ...connection, username: 'deaf', password: 'any' }, queue: 'deaf' })
    await t.rejects(async () => { await api.ready() }, { code: 'FST_BATCH_QUEUE_UNAVAILABLE', cause: /NOPERM/ })
  })

  t.test('a worker that may not hear what is aborted, or not take what is queued, does not start', async t => {
    const redis = lookInto(t, connection)
    for (const [username, ...rights] of [['deaf-worker', '+@all', 'resetchannels'], ['idle-worker', '+@all', '-info', '&*']]) {
      await redis.call('ACL', 'SETUSER', username!, 'on', 'nopass', '~*', ...rights)
      const own = { connection: { ...connection, username, password: 'any' }, queue: username! }
      const app = waitingApp()
      await t.rejects(startWorker({ ...own, app: app.build }), /NOPERM/)
      t.strictSame(app.events, ['closed'])
      await until(async () => !(await redis.client('LIST') as string).includes(`user=${username}`))
    }
  })

  t.test('a connection that is closed does not come back', async t => {
    const { openConnection } = await import('../../../lib/executors/bullmq/connection.ts')
    const closing = new AbortController()
    const redis = openConnection(connection, closing.signal, {})
    await redis.connect()
    const ended = once(redis, 'end')
    closing.abort()
    await lookInto(t, connection).client('KILL', 'ID', await redis.client('ID'))
    await ended
    t.equal(redis.status, 'end')
  })

  t.test('an app that is none keeps the worker from starting', async t => {
    await t.rejects(startWorker({ app: (() => ({})) as never, connection, queue: 'none' }), /the factory gave no Fastify instance/)
  })

  t.test('an app that does not get ready keeps the worker from starting, and is closed', async t => {
    for (const closed of [async () => {}, async () => { throw new Error('not closed either') }]) {
      const events: string[] = []
      const app = () => {
        const app = Fastify()
        app.addHook('onReady', async () => { throw new Error('not ready today') })
        app.addHook('onClose', async () => {
          events.push('closing')
          await closed()
        })
        return app
      }
      await t.rejects(startWorker({ app, connection, queue: 'none' }), /not ready today/)
      t.strictSame(events, ['closing'])
    }
  })

  t.test('routes that share an executor share its connections, and the last one closes them', async t => {
    const { bullmq } = await import('../../../lib/bullmq.ts')
    const { default: batch } = await import('../../../lib/index.ts')
    const own = { connection, queue: 'shared' }
    await startHere(t, { ...own, app: waitingApp().build })
    const executor = bullmq(own)
    const api = Fastify()
    for (const prefix of ['/v1', '/v2']) api.register(batch, { prefix, executor })
    t.teardown(() => api.close())
    for (const path of ['/v1/batch', '/v2/batch']) {
      t.match((await injectBatch(api, [get('/')], { path })).batch, [{ status_code: 200 }])
    }
    const look = new Redis(connection)
    const names = await look.pubsub('CHANNELS', 'bull:shared:batch-answers:*') as string[]
    t.equal(names.length, 1)
    await api.close()
    await until(async () => (await look.pubsub('CHANNELS', 'bull:shared:batch-answers:*') as string[]).length === 0)
    look.disconnect()
  })
}
