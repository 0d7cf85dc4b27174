// Subrequests of a pool that are out of time, or that nobody waits for any more.
import { connect, type AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import batch, { processPool, type Executor } from '../../../lib/index.ts'
import { injectBatch, latch, listen } from '../../helper.ts'
import { answers, app, buildPool, get, makeLedger, nextPid, started } from './pool.ts'

t.test('a subrequest that waits is out of time and aborted, and other work of its worker goes on', async t => {
  const parent = buildPool(t, { concurrency: 2 }, { subrequestTimeout: 2000 })
  const [pid] = await answers(parent, '/pid')
  const { batch } = await injectBatch(parent, [get('/wait?name=first'), get('/spin?ms=10')])
  t.match(batch, [{ status_code: 504, outcome: 'unknown', body: /FST_BATCH_SUBREQUEST_TIMEOUT/ }, { status_code: 200, body: pid!.body }])
  const [after] = await answers(parent, '/waiting')
  t.strictSame(JSON.parse(after!.body), { pid: Number(pid!.body), waiting: ['first waits', 'first aborted'] })
})

t.test('a worker that does not come back is killed after the grace period, and replaced', async t => {
  const parent = buildPool(t, { gracePeriod: 50 }, { subrequestTimeout: 2000 })
  const [pid] = await answers(parent, '/pid')
  const [forever] = await answers(parent, '/forever')
  t.match(forever, { status_code: 504, outcome: 'unknown' })
  t.not(await nextPid(parent), pid!.body)
})

t.test('what waited for a worker until it was out of time was not started', async t => {
  const ledger = makeLedger(t)
  const deadlines = { subrequestTimeout: 1000, batchTimeout: 4000 }
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file }], gracePeriod: 60_000 }, deadlines)
  t.teardown(() => { process.kill(Number(pid!.body), 'SIGKILL') })
  const [pid] = await answers(parent, '/pid')
  const note = { method: 'post', url: '/note', body: 'noted', headers: { 'content-type': 'text/plain' } }
  const { batch, json } = await injectBatch(parent, [get('/forever'), note, note])
  t.match(batch, [
    { status_code: 504, outcome: 'unknown' }, { status_code: 504, outcome: 'not_started' }, { status_code: 504, outcome: 'not_started' }
  ])
  t.match(json.summary, { total: 3, not_started: 2, retry: [0, 1, 2] })
  t.strictSame(ledger.read(), ['boot'])
})

t.test('when the client goes, what runs is aborted in the worker, and nothing further starts', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file }], concurrency: 3 })
  const gone = latch()
  parent.addHook('onRequest', async ({ raw }, reply) => {
    if (!('isLightMyRequest' in raw)) reply.raw.on('close', () => { gone.open() })
  })
  await listen(parent)
  const body = JSON.stringify({
    batch: [{ ...get('/wait?name=a'), id: 'a' }, get('/wait?name=b'), { method: 'post', url: '/note', body: {}, depends_on: ['a'] }]
  })
  const waiting = async (count: number): Promise<string[]> => {
    const [answer] = await answers(parent, '/waiting')
    const { waiting: lines } = JSON.parse(answer!.body)
    // What was sent to the worker before can be a step behind.
    return lines.length < count ? waiting(count) : lines
  }
  const running = started('/wait?name=b')
  const socket = connect((parent.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write('POST /batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n')
  socket.write(`content-length: ${body.length}\r\n\r\n${body}`)
  await running
  t.strictSame(await waiting(2), ['a waits', 'b waits'])
  socket.destroy()
  await gone.promise
  t.strictSame(await waiting(4), ['a waits', 'b waits', 'a aborted', 'b aborted'])
  t.strictSame(ledger.read(), ['boot'])
})

t.test('what is aborted before the worker has heard of it is not run', async t => {
  const ledger = makeLedger(t)
  const pool = processPool({ app, workers: 1, arguments: [{ ledger: ledger.file }] })
  const executor: Executor = {
    ...pool,
    execute (subrequest, { app, maxResponseBytes, signal }) {
      const listeners: Array<(reason: Error) => void> = []
      const onAbort = (listener: (reason: Error) => void) => { listeners.push(listener) }
      const answer = pool.execute(subrequest, { app, maxResponseBytes, signal, onAbort })
      // In the same turn: the abort goes to the worker directly, and the subrequest through a MessagePort.
      if (subrequest.url === '/note') for (const listener of listeners) listener(new Error('aborted at once'))
      return answer
    }
  }
  const parent = Fastify({ pluginTimeout: 100_000 })
  parent.register(batch, { executor })
  t.teardown(() => parent.close())
  const note = { method: 'post', url: '/note', body: 'noted', headers: { 'content-type': 'text/plain' } }
  const { batch: [, after] } = await injectBatch(parent, [note, get('/pid')])
  t.equal(after!.status_code, 200)
  t.strictSame(ledger.read(), ['boot'])
})
