import { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

async function inject (app: ReturnType<typeof build>, payload: object) {
  const response = await app.inject({ method: 'POST', url: '/batch', payload })
  return { status: response.statusCode, json: response.json() }
}

testEach('timeout_ms shortens the time of a batch: what finished is answered, and the rest says how it stands', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 2, dispatch }) })
  app.get('/fast', async () => 'fast')
  app.get('/never', () => {})
  const batch = ['/fast', '/never', '/never', '/fast'].map(get)
  const { status, json } = await inject(app, { timeout_ms: 250, batch })
  t.equal(status, 200)
  t.strictSame(json.batch.map((answer: any) => [answer.status_code, answer.outcome]), [
    [200, undefined], [504, 'unknown'], [504, 'unknown'], [504, 'not_started']
  ])
  t.match(JSON.parse(json.batch[3].body), { code: 'FST_BATCH_TIMEOUT', message: 'the batch was not finished within 250 ms' })
  t.strictSame(json.summary, { total: 4, ok: 1, failed: 2, not_started: 1, retry: [1, 2, 3] })
})

testEach('it cannot lengthen it', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), batchTimeout: 50 })
  app.get('/never', () => {})
  const { json } = await inject(app, { timeout_ms: 600_000, batch: [get('/never')] })
  t.match(JSON.parse(json.batch[0].body), { code: 'FST_BATCH_TIMEOUT', message: 'the batch was not finished within 50 ms' })
})

testEach('a subrequest has the smaller of its own time and what is left of the batch', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 500 })
  app.get('/never', () => {})
  const { json } = await inject(app, { timeout_ms: 800, batch: [get('/never'), get('/never'), get('/never')] })
  t.strictSame(json.batch.map((answer: any) => [JSON.parse(answer.body).code, answer.outcome]), [
    ['FST_BATCH_SUBREQUEST_TIMEOUT', 'unknown'], ['FST_BATCH_TIMEOUT', 'unknown'], ['FST_BATCH_TIMEOUT', 'not_started']
  ])
})

testEach('it is an integer of milliseconds from 1', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  for (const timeout of [0, -1, 1.5, '100', null, 2 ** 31, true]) {
    const { status, json } = await inject(app, { timeout_ms: timeout, batch: [get('/')] })
    t.equal(status, 400, String(timeout))
    t.match(json, { code: 'FST_BATCH_INVALID_BATCH', message: /^timeout_ms: / })
  }
  t.equal((await inject(app, { timeout_ms: 2 ** 31 - 1, batch: [get('/')] })).status, 200)
})

testEach('handlers know how long they have', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 10_000, batchTimeout: 50_000 })
  const received: number[] = []
  app.get('/', async request => {
    received.push(Date.now())
    return request.batch
  })
  app.get('/outside', async request => request.batch)
  for (const [timeout, most] of [[undefined, 10_000], [5000, 5000], [20_000, 10_000]] as const) {
    const before = Date.now()
    const { json } = await inject(app, { timeout_ms: timeout, batch: [get('/')] })
    const { deadline } = JSON.parse(json.batch[0].body)
    t.ok(Number.isInteger(deadline))
    t.ok(deadline >= before + most - 1 && deadline <= received.pop()! + most, `about ${most} ms from its start`)
  }
  t.equal((await app.inject('/outside')).body, 'null')
})

testEach('what an item takes is missing to those after it', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), batchTimeout: 20_000, subrequestTimeout: 20_000 })
  app.get('/slow', async request => {
    const { deadline } = request.batch!
    while (Date.now() < deadline - 19_990) await new Promise(setImmediate)
    return String(deadline)
  })
  const { batch } = await injectBatch(app, [get('/slow'), get('/slow')])
  const [first, second] = batch.map(answer => Number(answer.body))
  t.ok(Math.abs(second! - first!) <= 2, 'both are those of the batch')
})

testEach('an atomic batch that is out of time is rolled back', async (t, dispatch) => {
  const calls: string[] = []
  const forever = latch<never>()
  let begin: () => unknown = () => {}
  const app = build(t, {
    executor: sequential({ dispatch }),
    transaction: {
      begin: () => begin(),
      commit: () => { calls.push('commit') },
      rollback: () => { calls.push('rollback') }
    }
  })
  app.get('/', async () => 'x')
  app.get('/never', () => {})
  const { json } = await inject(app, { atomic: true, timeout_ms: 50, batch: [get('/'), get('/never'), get('/')] })
  t.strictSame(json.batch.map((answer: any) => [answer.status_code, answer.outcome]), [
    [424, 'rolled_back'], [504, 'rolled_back'], [504, 'not_started']
  ])
  t.strictSame(calls, ['rollback'])

  begin = () => forever.promise
  const late = await inject(app, { atomic: true, timeout_ms: 50, batch: [get('/')] })
  t.match(late.json.batch, [{ status_code: 503, outcome: 'not_started' }], 'nor does it wait longer for its transaction')
})
