import { once } from 'node:events'
import { PassThrough, type Readable } from 'node:stream'
import { channels, concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, listen, testEach } from '../helper.ts'
import { streamBatch, streamHeaders } from '../fixtures/lines.ts'

const get = (url: string) => ({ method: 'get', url })

/** Resolves when a figure has not changed for many turns of the event loop. */
async function settled (figure: () => number): Promise<number> {
  let last = figure()
  for (let turns = 0; turns < 500; turns++) {
    await new Promise(setImmediate)
    if (figure() === last) continue
    last = figure()
    turns = 0
  }
  return last
}

testEach('a client that does not read holds back what was not started', async (t, dispatch) => {
  for (const [executor, atOnce] of [[sequential({ dispatch }), 1], [concurrent({ limit: 4, dispatch }), 4]] as const) {
    const app = build(t, { executor, maxRequests: 100 })
    const body = 'x'.repeat(2 ** 18)
    let runs = 0
    app.get('/', async () => {
      runs++
      return body
    })
    await listen(app)
    const { rest } = await streamBatch(t, app, { batch: Array(100).fill(get('/')) })
    const held = await settled(() => runs)
    t.ok(held < 60, `${held} of 100 ran, what the buffers of the system take`)
    const lines = await rest()
    t.equal(runs, 100, String(atOnce))
    t.match(lines.pop(), { summary: { total: 100, ok: 100 } })
    t.strictSame(lines.map(line => line.index).sort((a, b) => a - b), Array.from({ length: 100 }, (_, n) => n))
  }
})

testEach('what is made ahead of the client is little', async (t, dispatch) => {
  const payload = latch<Readable>()
  const pass = latch()
  const onSend = async (_request: unknown, _reply: unknown, stream: unknown) => {
    payload.open(stream as Readable)
    await pass.promise
    return stream
  }
  const app = build(t, { executor: sequential({ dispatch }), route: { onSend } })
  let runs = 0
  app.get('/', async () => {
    runs++
    return 'x'.repeat(70_000)
  })
  const answered = app.inject({
    method: 'POST', url: '/batch', headers: streamHeaders, payload: { batch: Array(10).fill(get('/')) }
  })
  const stream = await payload.promise
  const ahead = await settled(() => runs)
  // The second may have started before the first was answered.
  t.ok(ahead <= 2, `${ahead} ran`)
  stream.read()
  const further = await settled(() => runs)
  t.ok(further > ahead && further <= ahead + 2, `what was taken made room for ${further - ahead}`)
  pass.open()
  const lines = (await answered).body.trim().split('\n')
  t.equal(lines.length, 11 - ahead, 'but for what this test took')
})

testEach('held back or not, the batch ends at its deadline', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), maxRequests: 100, maxInFlight: 100, batchTimeout: 300 })
  const body = 'x'.repeat(2 ** 18)
  app.get('/', async () => body)
  await listen(app)
  const ended = latch()
  const asyncEnd = () => { ended.open() }
  channels.batch.asyncEnd.subscribe(asyncEnd)
  t.teardown(() => { channels.batch.asyncEnd.unsubscribe(asyncEnd) })
  const { rest } = await streamBatch(t, app, { batch: Array(100).fill(get('/')) })
  await ended.promise
  t.equal((await injectBatch(app, Array(100).fill(get('/nowhere')))).status, 200, 'and its places are free')
  const lines = await rest()
  t.equal(lines.length, 101)
  const { summary } = lines.pop()
  t.ok(summary.not_started > 0)
  t.equal(summary.ok + summary.not_started, 100)
  for (const { status_code: status, outcome } of lines) t.equal(outcome, status === 200 ? undefined : 'not_started')
})

testEach('maxBatchResponseBytes counts what waits for the client, not all answers', async (t, dispatch) => {
  const executor = sequential({ dispatch })
  const app = build(t, { executor, maxBatchResponseBytes: 150_000, maxResponseBytes: 100_000 })
  app.get('/', async () => 'x'.repeat(100_000))
  await listen(app)
  const batch = Array(20).fill(get('/'))
  const lines = await (await streamBatch(t, app, { batch })).rest()
  t.match(lines.pop(), { summary: { total: 20, ok: 20 } })
  const { batch: answers } = await injectBatch(app, batch)
  t.equal(answers.filter(answer => answer.status_code === 200).length, 1)
})

testEach('what the client takes makes room at once', async (t, dispatch) => {
  // Read as soon as there is something, in the same turn in which the next subrequest may start.
  const onSend = async (_request: unknown, _reply: unknown, payload: unknown) => {
    const lines = payload as Readable
    const taken = new PassThrough({ highWaterMark: 2 ** 24 })
    lines.on('readable', () => {
      for (let chunk = lines.read(); chunk !== null; chunk = lines.read()) taken.write(chunk)
    })
    lines.on('end', () => { taken.end() })
    return taken
  }
  const executor = sequential({ dispatch })
  const app = build(t, { executor, maxRequests: 50, maxBatchResponseBytes: 150_000, route: { onSend } })
  const body = 'x'.repeat(100_000)
  app.get('/', (_request, reply) => { reply.send(body) })
  await listen(app)
  const lines = await (await streamBatch(t, app, { batch: Array(50).fill(get('/')) })).rest()
  t.match(lines.pop(), { summary: { total: 50, ok: 50 } })
})

testEach('what has no room is 502, for that item alone', async (t, dispatch) => {
  const all = latch()
  let runs = 0
  const executor = concurrent({ limit: 4, dispatch })
  const app = build(t, { executor, maxBatchResponseBytes: 250_000, maxResponseBytes: 100_000 })
  app.get('/', async () => {
    if (++runs === 4) all.open()
    await all.promise
    return 'x'.repeat(100_000)
  })
  const { body } = await app.inject({
    method: 'POST', url: '/batch', headers: streamHeaders, payload: { batch: Array(4).fill(get('/')) }
  })
  const lines = body.trim().split('\n').map(line => JSON.parse(line))
  t.match(lines.pop(), { summary: { total: 4 } })
  for (const { status_code: status, outcome } of lines) t.equal(outcome, status === 200 ? undefined : 'unknown')
})

testEach('a client that leaves stops the rest', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 2, dispatch }) })
  const runs: string[] = []
  const aborted = latch()
  const ended = latch<any>()
  const asyncEnd = ({ result }: any) => { ended.open(result) }
  channels.batch.asyncEnd.subscribe(asyncEnd)
  t.teardown(() => { channels.batch.asyncEnd.unsubscribe(asyncEnd) })
  app.get('/fast', async () => 'x')
  app.get('/wait/:n', request => {
    runs.push(request.url)
    request.signal.addEventListener('abort', () => { aborted.open() })
  })
  await listen(app)
  const batch = ['/fast', '/wait/1', '/wait/2', '/wait/3'].map(get)
  const { next, incoming } = await streamBatch(t, app, { batch })
  t.match(await next(), { index: 0 })
  incoming.destroy()
  await aborted.promise
  t.match(await ended.promise, { total: 4, ok: 1, failed: 2, not_started: 1 })
  t.strictSame(runs, ['/wait/1', '/wait/2'])
})

testEach('one that leaves before the first line too', async (t, dispatch) => {
  const sent = latch<Readable>()
  const started = latch()
  const app = build(t, {
    executor: sequential({ dispatch }),
    route: { onSend: async (_request: unknown, _reply: unknown, stream: unknown) => { sent.open(stream as Readable) } }
  })
  app.get('/', () => { started.open() })
  await listen(app)
  const controller = new AbortController()
  const { port } = app.server.address() as { port: number }
  const answered = fetch(`http://127.0.0.1:${port}/batch`, {
    method: 'POST', headers: streamHeaders, body: JSON.stringify({ batch: [get('/'), get('/')] }), signal: controller.signal
  })
  await started.promise
  controller.abort()
  await t.rejects(answered)
  const stream = await sent.promise
  if (!stream.closed) await once(stream, 'close')
  t.pass('and nothing is left')
})
