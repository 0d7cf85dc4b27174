import t from 'tap'
import { sequential, type Executor, type Subresponse } from '../../lib/index.ts'
import { build, injectBatch, latch, parseContext } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })
const fine: Subresponse = { status: 200, reason: 'OK', headers: { 'x-own': '1' }, body: Buffer.from('fine') }

function executor (execute: Executor['execute'], rest: Partial<Executor> = {}): Executor {
  return { name: 'own', perBatch: 1, total: Infinity, execute, ...rest }
}

t.test('an executor answers subrequests by itself', async t => {
  const app = build(t, {
    executor: executor(async ({ method, url, headers, body, batch }) => ({
      ...fine,
      body: Uint8Array.from(Buffer.from(JSON.stringify({ method, url, headers, body: body?.toString(), batch })))
    }))
  })
  const item = { method: 'put', url: '/x?y', headers: { A: 'b' }, body: { c: 1 } }
  const { batch: [answer] } = await injectBatch(app, [item], { headers: { host: 'h', 'user-agent': 'u' } })
  t.match(answer, { status_code: 200, reason_phrase: 'OK', headers: { 'x-own': '1' } })
  t.strictSame(parseContext(answer!.body), {
    method: 'PUT',
    url: '/x?y',
    headers: { host: 'h', 'user-agent': 'u', a: 'b', 'content-type': 'application/json' },
    body: '{"c":1}',
    batch: { requestId: 'req-1', index: 0, size: 1, deadline: 'number' }
  })
})

t.test('one that fails is answered 502, for that item alone, and the cause is in the log', async t => {
  const lines: any[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const failures: Array<() => Promise<Subresponse>> = [
    async () => { throw new Error('rejected') },
    () => { throw new Error('thrown') },
    async () => undefined as never,
    async () => ({ ...fine, body: 5 as never }),
    async () => fine
  ]
  const app = build(t, { executor: executor(({ batch }) => failures[batch.index]!()) }, { logger: { level: 'error', stream } })
  const { status, batch } = await injectBatch(app, failures.map(() => get('/')))
  t.equal(status, 200)
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [
    [502, 'unknown'], [502, 'unknown'], [502, 'unknown'], [502, 'unknown'], [200, undefined]
  ])
  t.match(JSON.parse(batch[0]!.body), { code: 'FST_BATCH_EXECUTOR_FAILED', message: 'the executor "own" failed' })
  t.equal(lines.length, 4)
  t.match(lines[0], { batch: { requestId: 'req-1', index: 0 }, err: { message: /the executor "own" failed: rejected/ } })
})

t.test('a body may be text, and counts as its bytes in utf-8', async t => {
  const type = { 'content-type': 'application/json' }
  const bodies = ['', 'text', 'töxt', '{"a":"é"}', 'half \ud83d', 'ääää', '12345678', 'ääääa', '123456789']
  const text = executor(async ({ batch }) => ({ ...fine, headers: type, body: bodies[batch.index]! }))
  const bytes = executor(async ({ batch }) => ({ ...fine, headers: type, body: Buffer.from(bodies[batch.index]!) }))
  const items = bodies.map(() => get('/'))
  const options = { maxResponseBytes: 100, durationHeader: false } as const
  for (const responseBody of ['string', 'json'] as const) {
    const { batch } = await injectBatch(build(t, { ...options, responseBody, executor: text }), items)
    t.strictSame(batch, (await injectBatch(build(t, { ...options, responseBody, executor: bytes }), items)).batch)
  }
  const { batch } = await injectBatch(build(t, { ...options, maxResponseBytes: 8, executor: text }), items)
  t.strictSame(batch.map(answer => answer.status_code), [200, 200, 200, 502, 200, 200, 200, 502, 502])

  // What later items take, and what all together may have.
  const bind = await injectBatch(build(t, { executor: text }), [
    ...items.slice(0, 3), { id: 'a', ...get('/') }, { method: 'put', url: '/', body: {}, bind: { '/body/b': 'a/body/a' } }
  ])
  t.equal(bind.batch[4]!.status_code, 200)
  const all = await injectBatch(build(t, { maxBatchResponseBytes: 13, executor: text }), items.slice(0, 5))
  t.strictSame(all.batch.map(answer => answer.status_code), [200, 200, 200, 502, 502])
})

t.test('a final status must be one', async t => {
  const statuses = [100, 103, 199, 200, 599, 999, 1000, 0, -200, 200.5, NaN, '200' as never]
  const app = build(t, { executor: executor(async ({ batch }) => ({ ...fine, status: statuses[batch.index]! })) })
  const { batch } = await injectBatch(app, statuses.map(() => get('/')))
  t.strictSame(batch.map(answer => answer.status_code), [502, 502, 502, 200, 599, 999, 502, 502, 502, 502, 502, 502])
  t.match(JSON.parse(batch[0]!.body), { code: 'FST_BATCH_INVALID_STATUS', message: 'a final answer may not have the status 100' })
})

t.test('an answer over the limit is not taken from any executor', async t => {
  const app = build(t, { maxResponseBytes: 3, executor: executor(async () => fine) })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.status_code, 502)
})

t.test('nor one that says it is no answer, to get past the limit', async t => {
  for (const [size, status] of [[1024, 500], [1025, 502]]) {
    const failed: Subresponse = { status: 500, reason: 'No', headers: {}, body: Buffer.alloc(size!, 'x'), outcome: 'unknown' }
    const app = build(t, { maxResponseBytes: 3, executor: executor(async () => failed) })
    const { batch: [answer] } = await injectBatch(app, [get('/')])
    t.match(answer, { status_code: status, outcome: 'unknown' })
  }
})

t.test('it learns of the end of the wait by a signal or a listener', async t => {
  const seen: unknown[] = []
  const app = build(t, {
    subrequestTimeout: 30,
    executor: executor((_subrequest, context) => new Promise(() => {
      context.onAbort(reason => { seen.push('first', reason.message) })
      context.onAbort(() => { seen.push('second') })
      t.equal(context.signal, context.signal)
      context.signal.addEventListener('abort', () => {
        seen.push('signal', context.signal.reason.code)
        context.onAbort(() => { seen.push('late') })
      })
    }))
  })
  await injectBatch(app, [get('/')])
  t.strictSame(seen, ['first', 'no answer within 30 ms', 'second', 'signal', 'FST_BATCH_SUBREQUEST_TIMEOUT', 'late'])
})

t.test('a signal that is first read after the end is aborted', async t => {
  const ended = latch()
  const read = latch<boolean>()
  const app = build(t, {
    subrequestTimeout: 30,
    executor: executor(async (_subrequest, context) => {
      await ended.promise
      read.open(context.signal.aborted)
      return fine
    })
  })
  await injectBatch(app, [get('/')])
  ended.open()
  t.equal(await read.promise, true)
})

t.test('it is told what is left of the byte budget', async t => {
  const limits: number[] = []
  const app = build(t, {
    maxResponseBytes: 10,
    maxBatchResponseBytes: 14,
    executor: executor(async (_subrequest, { maxResponseBytes }) => {
      limits.push(maxResponseBytes)
      return fine
    })
  })
  await injectBatch(app, Array(3).fill(get('/')))
  t.strictSame(limits, [10, 10, 6])
})

t.test('one can be built around another', async t => {
  const inner = sequential()
  const seen: string[] = []
  const app = build(t, {
    executor: {
      ...inner,
      async execute (subrequest, context) {
        const answer = await inner.execute(subrequest, context)
        seen.push(`${subrequest.url} ${answer.status}`)
        return answer
      }
    }
  })
  app.get('/', async () => 'x')
  await injectBatch(app, [get('/'), get('/nowhere')])
  t.strictSame(seen, ['/ 200', '/nowhere 404'])
})

t.test('it is started for each route before the app is ready, and closed once, by the last', async t => {
  const calls: string[] = []
  const shared = executor(async () => fine, {
    start: async app => { calls.push(`start ${'addHook' in app}`) },
    close: async () => { calls.push('close') }
  })
  const first = build(t, { executor: shared })
  first.register((await import('../../lib/index.ts')).default, { url: '/other', executor: shared })
  const second = build(t, { executor: shared })
  await first.ready()
  await second.ready()
  t.strictSame(calls, ['start true', 'start true', 'start true'])
  await first.close()
  t.equal(calls.length, 3)
  t.equal((await injectBatch(second, [get('/')])).batch[0]!.body, 'fine')
  await second.close()
  t.strictSame(calls.slice(3), ['close'])
})

t.test('one that cannot start keeps the app from starting', async t => {
  const app = build(t, { executor: executor(async () => fine, { start: () => { throw new Error('no workers') } }) })
  await t.rejects(async () => { await app.ready() }, { message: 'no workers' })
})
