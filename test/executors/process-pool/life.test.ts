// When workers start and end.
import Fastify from 'fastify'
import t from 'tap'
import batch, { processPool } from '../../../lib/index.ts'
import { injectBatch } from '../../helper.ts'
import { answers, app, buildPool, get, isAlive, makeLedger, started } from './pool.ts'

t.test('workers are there before the app is ready, and close theirs with it', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file }] })
  await parent.ready()
  t.strictSame(ledger.read(), ['boot'])
  const [pid] = await answers(parent, '/pid')
  await parent.close()
  t.strictSame(ledger.read(), ['boot', 'close'])
  t.notOk(isAlive(Number(pid!.body)))
})

t.test('routes that share a pool share its workers, and the last one closes it', async t => {
  const ledger = makeLedger(t)
  const parent = Fastify({ pluginTimeout: 100_000 })
  const executor = processPool({ app, workers: 1, arguments: [{ ledger: ledger.file }] })
  parent.register(batch, { prefix: '/v1', executor })
  parent.register(batch, { prefix: '/v2', executor })
  t.teardown(() => parent.close())
  const pids = []
  for (const path of ['/v1/batch', '/v2/batch']) pids.push((await injectBatch(parent, [get('/pid')], { path })).batch[0]!.body)
  t.equal(pids[0], pids[1])
  await parent.close()
  t.strictSame(ledger.read(), ['boot', 'close'])
})

t.test('a worker whose app has a pool of its own starts none, and refuses a nested batch', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file, executor: 'processPool' }] })
  const { batch: [nested] } = await injectBatch(parent, [{ method: 'post', url: '/batch', body: { batch: [get('/pid')] } }])
  t.match(nested, { status_code: 400, body: /FST_BATCH_NESTED/ })
  t.strictSame(ledger.read(), ['boot'])
})

t.test('a close waits for what runs, and refuses what waits for a worker', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file }] })
  await parent.ready()
  const running = started('/later')
  const answered = answers(parent, '/later', '/later')
  await running
  const closed = parent.close()
  const statuses = (await answered).map(answer => [answer.status_code, answer.outcome])
  t.strictSame(statuses, [[200, undefined], [503, 'not_started']])
  await closed
  t.strictSame(ledger.read(), ['boot', 'close'])
})

t.test('what waits for a worker when the pool closes is refused', async t => {
  const parent = buildPool(t, { lazy: true, arguments: [{ boot: 'hang' }] })
  const running = started('/pid')
  const answered = answers(parent, '/pid')
  await running
  await parent.close()
  t.match(await answered, [{ status_code: 503, outcome: 'not_started', body: /FST_BATCH_CLOSING/ }])
})

t.test('a worker that does not close in time is killed', async t => {
  const parent = buildPool(t, { gracePeriod: 100 }, { subrequestTimeout: 100 })
  const [pid] = await answers(parent, '/pid')
  process.kill(Number(pid!.body), 'SIGSTOP')
  await parent.close()
  t.notOk(isAlive(Number(pid!.body)))
})

t.test('a worker whose app does not close ends all the same', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file, boot: 'no close' }] })
  const [pid] = await answers(parent, '/pid')
  await parent.close()
  t.notOk(isAlive(Number(pid!.body)))
  t.strictSame(ledger.read(), ['boot', 'close'])
})

t.test('a route that is taken out of batching is, in an app that registers no batch route', async t => {
  const [closed] = await answers(buildPool(t), '/closed')
  t.match(closed, { status_code: 403, body: /FST_BATCH_ROUTE_NOT_ALLOWED/ })
})

t.test('a worker that has grown too large is replaced, when it has finished', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file }], maxMemory: 512 * 2 ** 20, concurrency: 2 })
  const pids = new Set<string>()
  while (pids.size < 2) {
    for (const { status_code: status, body } of await answers(parent, '/leak', '/spin?ms=10')) {
      t.equal(status, 200)
      pids.add(body)
    }
  }
  await parent.close()
  t.strictSame(ledger.read().toSorted(), ['boot', 'boot', 'close', 'close'])
})
