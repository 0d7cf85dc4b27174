// Whatever a worker does to itself: there is one answer, and soon another worker.
import t from 'tap'
import { injectBatch } from '../../helper.ts'
import { answers, buildPool, get, isAlive, makeLedger, nextPid } from './pool.ts'

for (const [death, url, execArgv] of [
  ['process.exit', '/exit'],
  ['an exception after the answer is awaited', '/throw-late'],
  ['a disconnect', '/disconnect'],
  ['running out of memory', '/out-of-memory', ['--max-old-space-size=192']]
] as const) {
  t.test(`${death} is answered 502, and another worker goes on`, async t => {
    const parent = buildPool(t, execArgv && { execArgv: [...process.execArgv, ...execArgv], env: { ...process.env } })
    const [first] = await answers(parent, '/pid')
    const [died, next] = await answers(parent, url, '/pid')
    t.match(died, { status_code: 502, outcome: 'unknown', body: /FST_BATCH_WORKER_DIED/ })
    t.equal(next!.status_code, 200)
    t.not(next!.body, first!.body)
    t.notOk(isAlive(Number(first!.body)))
  })
}

t.test('a worker that nothing can be sent to is given nothing, while it has not ended', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { concurrency: 2, arguments: [{ ledger: ledger.file }] })
  const first = await nextPid(parent)
  const spinning = answers(parent, '/disconnect-and-spin')
  while (!ledger.read().includes('disconnected')) await new Promise(setImmediate)
  // This one finds out. Then it is known.
  t.match(await answers(parent, '/pid'), [{ status_code: 502, outcome: 'unknown' }])
  const [next] = await answers(parent, '/pid')
  t.equal(next!.status_code, 200)
  t.not(next!.body, first)
  t.match(await spinning, [{ status_code: 502, outcome: 'unknown' }])
})

t.test('all that a worker runs is answered when it dies', async t => {
  const parent = buildPool(t, { concurrency: 3 })
  const { batch } = await injectBatch(parent, [get('/wait?name=a'), get('/wait?name=b'), get('/exit'), get('/pid')])
  t.match(batch, [{ status_code: 502 }, { status_code: 502 }, { status_code: 502 }, { status_code: 200 }])
})
