// Workers that get signals.
import t from 'tap'
import { injectBatch } from '../../helper.ts'
import { answers, buildPool, makeLedger, nextPid, started } from './pool.ts'

t.test('what a worker runs when it is killed is answered 502, and what waits for one runs in another', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { arguments: [{ ledger: ledger.file }] })
  const note = { method: 'post', url: '/note', body: 'noted', headers: { 'content-type': 'text/plain' } }
  const { batch } = await injectBatch(parent, [{ method: 'post', url: '/note-and-die' }, note])
  t.match(batch, [{ status_code: 502, outcome: 'unknown' }, { status_code: 200, body: 'noted' }])
  t.strictSame(ledger.read(), ['boot', 'ran', 'boot', 'noted'])
})

t.test('what waits in the pool when the worker is killed runs in the next one', async t => {
  const parent = buildPool(t, { gracePeriod: 60_000 }, { subrequestTimeout: 1000 })
  const first = await nextPid(parent)
  t.match(await answers(parent, '/forever'), [{ status_code: 504, outcome: 'unknown' }])
  const running = started('/pid')
  const answered = answers(parent, '/pid')
  await running
  process.kill(Number(first), 'SIGKILL')
  const [answer] = await answered
  t.not(answer!.outcome, 'unknown')
  t.not(answer!.body, first)
  t.not(await nextPid(parent), first)
})

t.test('an idle worker that is killed is replaced', async t => {
  const parent = buildPool(t, { workers: 2 })
  const pids = new Set((await answers(parent, '/spin?ms=50', '/spin?ms=50')).map(answer => Number(answer.body)))
  t.equal(pids.size, 2)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  const replaced = new Set<number>()
  while (replaced.size < 2) {
    for (const { status_code: status, body } of await answers(parent, '/spin?ms=50', '/spin?ms=50')) {
      // One that has not been heard of to be dead may have been given it.
      if (status === 200) replaced.add(Number(body))
    }
  }
  t.strictSame([...replaced].filter(pid => pids.has(pid)), [])
})

t.test('a worker that is stopped is out of time, killed and replaced', async t => {
  const parent = buildPool(t, { gracePeriod: 50 }, { subrequestTimeout: 2000 })
  const [first] = await answers(parent, '/pid')
  process.kill(Number(first!.body), 'SIGSTOP')
  const [stopped] = await answers(parent, '/pid')
  t.match(stopped, { status_code: 504, outcome: 'unknown' })
  t.not(await nextPid(parent), first!.body)
})

t.test('signals to the whole group are left to the parent', async t => {
  const parent = buildPool(t)
  const [first] = await answers(parent, '/pid')
  process.kill(Number(first!.body), 'SIGINT')
  process.kill(Number(first!.body), 'SIGTERM')
  const [second] = await answers(parent, '/spin?ms=100')
  t.equal(second!.body, first!.body)
})
