import { Agent } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import batch, { concurrent, sequential, type BatchOptions, type Executor } from '../../lib/index.ts'
import { build, injectBatch, latch, listen, sendBatch, testEach, type Teardown } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('close in the middle of a batch answers every item', async (t, dispatch) => {
  for (const options of [{}, { executor: concurrent({ limit: 2, dispatch }) }]) {
    const running = 'executor' in options ? 2 : 1
    const app = build(t, options)
    const started = latch()
    const closing = latch()
    let count = 0
    app.addHook('preClose', async () => { closing.open() })
    app.get('/wait', async () => {
      if (++count === running) started.open()
      await closing.promise
      return 'finished'
    })
    await listen(app)

    const agent = new Agent({ keepAlive: true })
    t.teardown(() => { agent.destroy() })
    const answered = sendBatch(app, Array(4).fill(get('/wait')), { agent })
    await started.promise
    await app.close()

    const { status, headers, batch } = await answered
    t.equal(status, 200)
    t.equal(headers.connection, 'close', 'so that a connection kept alive does not hold the close back')
    t.strictSame(batch.slice(0, running).map(answer => answer.body), Array(running).fill('finished'))
    for (const answer of batch.slice(running)) {
      t.match(answer, { status_code: 503, outcome: 'not_started' })
      t.strictSame(JSON.parse(answer.body), {
        statusCode: 503, code: 'FST_BATCH_CLOSING', error: 'Service Unavailable', message: 'the server is closing'
      })
    }
  }
})

testEach('a hook that closes before ours cannot make an item hang', async (t, dispatch) => {
  const closed = latch()
  const app = build(t, { executor: concurrent({ limit: 1, dispatch }) })
  const started = latch()
  app.get('/close', async () => {
    started.open()
    app.close().then(() => { closed.open() })
    await new Promise(setImmediate)
    return 'closing'
  })
  app.get('/', async () => 'x')
  await listen(app)
  const { batch } = await sendBatch(app, [get('/close'), get('/')])
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [[200, undefined], [503, 'not_started']])
  await closed.promise
})

testEach('while the app closes, inject refuses what our own hook has not heard of yet', async (t, dispatch) => {
  const app = Fastify()
  const slow = latch()
  const closing = latch()
  app.addHook('preClose', async () => {
    closing.open()
    await slow.promise
  })
  app.register(batch, { executor: sequential({ dispatch }) })
  const started = latch()
  app.get('/wait', async () => {
    started.open()
    await closing.promise
    return 'finished'
  })
  await listen(app)
  const answered = sendBatch(app, [get('/wait'), get('/wait')])
  await started.promise
  const closed = app.close()
  const { batch: answers } = await answered
  t.strictSame(answers.map(answer => [answer.status_code, answer.outcome]), [[200, undefined], [503, 'not_started']])
  slow.open()
  await closed
})

testEach('an app may answer in the words of a server that closes', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (_request, reply) => reply.code(503).header('connection', 'close').send('busy'))
  const { batch: [answer] } = await injectBatch(app, [get('/')])
  t.match(answer, { status_code: 503, body: 'busy' })
  t.notOk('outcome' in answer!)
})

testEach('over HTTP/2 there is no connection header to send', async (t, dispatch) => {
  // Node leaves the header out, with a warning for whoever set it.
  const warnings = new Set<string>()
  const warned = ({ name }: Error) => warnings.add(name)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const app = build(t, { executor: sequential({ dispatch }) }, { http2: true } as {})
  const started = latch()
  const closing = latch()
  app.addHook('preClose', async () => { closing.open() })
  app.get('/wait', async () => {
    started.open()
    await closing.promise
    return 'finished'
  })
  await listen(app)
  const session = http2.connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  const stream = session.request({ ':method': 'POST', ':path': '/batch', 'content-type': 'application/json' })
  stream.end(JSON.stringify({ batch: [get('/wait'), get('/wait')] }))
  await started.promise
  const closed = app.close()
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk
  t.strictSame(JSON.parse(text).batch.map((answer: { status_code: number }) => answer.status_code), [200, 503])
  session.close()
  await closed
  await new Promise(setImmediate)
  t.notOk(warnings.has('UnsupportedWarning'))
})

/** Calls back when an app closes, and its batch routes have heard of it before. */
function onClosing (app: FastifyInstance, listener: () => void): void {
  app.register(async plugin => { plugin.addHook('preClose', async () => { listener() }) })
}

/** An app whose batches wait, before they run, until it closes. */
function buildHeld (t: Teardown, options: BatchOptions) {
  const arrived = latch()
  const closing = latch()
  const preHandler = async () => {
    arrived.open()
    await closing.promise
  }
  const app = build(t, { ...options, route: { preHandler } })
  onClosing(app, closing.open)
  return { app, arrived: arrived.promise }
}

/** An executor that knows nothing of the close of an app, and says what it was handed. */
function elsewhere (answer: () => Promise<void> = async () => {}) {
  const handed: number[] = []
  const executor: Executor = {
    name: 'elsewhere',
    perBatch: 1,
    total: Infinity,
    async execute ({ batch: { index } }) {
      handed.push(index)
      await answer()
      return { status: 200, reason: 'OK', headers: {}, body: Buffer.from('finished') }
    }
  }
  return { executor, handed }
}

testEach('a batch that arrives when the app is closing starts nothing', async (t, dispatch) => {
  let runs = 0
  const { app, arrived } = buildHeld(t, { executor: sequential({ dispatch }) })
  app.get('/', async () => { runs++ })
  await listen(app)
  const answered = sendBatch(app, [get('/'), get('/')])
  await arrived
  await app.close()
  t.strictSame((await answered).batch.map(answer => answer.status_code), [503, 503])
  t.equal(runs, 0)
})

t.test('nothing further is handed to an executor that knows nothing of the close', async t => {
  const started = latch()
  const closing = latch()
  const { executor, handed } = elsewhere(() => {
    started.open()
    return closing.promise
  })
  const app = build(t, { executor })
  onClosing(app, closing.open)
  await listen(app)
  const answered = sendBatch(app, [get('/'), get('/'), get('/')])
  await started.promise
  await app.close()
  t.strictSame((await answered).batch.map(answer => answer.status_code), [200, 503, 503])
  t.strictSame(handed, [0])
})

t.test('nor is a batch that arrives when the app is closing', async t => {
  const { executor, handed } = elsewhere()
  const { app, arrived } = buildHeld(t, { executor })
  await listen(app)
  const answered = sendBatch(app, [get('/'), get('/')])
  await arrived
  await app.close()
  t.strictSame((await answered).batch.map(answer => [answer.status_code, answer.outcome]), Array(2).fill([503, 'not_started']))
  t.strictSame(handed, [])
})
