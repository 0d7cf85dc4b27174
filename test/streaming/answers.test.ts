// What an answer in lines cannot say in its head, and what is said instead.
import { Agent } from 'node:http'
import t from 'tap'
import { concurrent, sequential, type BatchOptions, type Executor } from '../../lib/index.ts'
import { build, latch, listen, testEach, type Dispatch, type Teardown } from '../helper.ts'
import { streamBatch, streamHeaders } from '../fixtures/lines.ts'

const get = (url: string, id?: string) => ({ method: 'get', url, id })

async function buildCookies (t: Teardown, dispatch: Dispatch, options: BatchOptions = {}) {
  const app = build(t, { executor: sequential({ dispatch }), ...options })
  app.get('/set/:name', async (request, reply) => {
    const { name } = request.params as { name: string }
    return reply.code(name === 'bad' ? 409 : 200).header('set-cookie', `${name}=secret; HttpOnly`).send('x')
  })
  app.get('/none', async () => 'x')
  return listen(app)
}

testEach('cookies of the first answer are in the head; later ones come too late, and their lines say so', async (t, dispatch) => {
  const app = await buildCookies(t, dispatch)
  const { headers, rest } = await streamBatch(t, app, {
    batch: [get('/set/a', 'first'), { ...get('/set/b'), depends_on: ['first'] }, get('/none'), { ...get('/set/c'), depends_on: ['first'] }]
  })
  const lines = await rest()
  t.strictSame(headers['set-cookie'], ['a=secret; HttpOnly; Path=/set'])
  t.strictSame(lines.slice(0, 4).map(({ index, set_cookie: said }) => [index, said]), [
    [0, undefined], [1, 'dropped'], [2, undefined], [3, 'dropped']
  ])
  t.notMatch(JSON.stringify(lines), 'secret', 'no script reads what is HttpOnly')
})

testEach('exposed cookies are in their lines, dropped ones nowhere', async (t, dispatch) => {
  for (const setCookie of ['expose', 'drop'] as const) {
    const app = await buildCookies(t, dispatch, { setCookie })
    const { headers, rest } = await streamBatch(t, app, { batch: [get('/set/a'), get('/set/b')] })
    t.notOk('set-cookie' in headers)
    const lines = await rest()
    t.strictSame(lines.slice(0, 2).map(line => [line.headers['set-cookie'], line.set_cookie]), setCookie === 'expose'
      ? [['a=secret; HttpOnly', undefined], ['b=secret; HttpOnly', undefined]]
      : [[undefined, undefined], [undefined, undefined]])
  }
})

testEach('the lines of an atomic batch come after the commit, with all cookies in the head', async (t, dispatch) => {
  const events: string[] = []
  const app = await buildCookies(t, dispatch, {
    transaction: {
      begin: () => { events.push('begin') },
      commit: async () => {
        await new Promise(setImmediate)
        events.push('commit')
      },
      rollback: () => { events.push('rollback') }
    },
    route: { onSend: async () => { events.push('send') } }
  })
  const { headers, rest } = await streamBatch(t, app, { atomic: true, batch: [get('/set/a'), get('/set/b'), get('/none')] })
  t.strictSame(events, ['begin', 'commit', 'send'])
  t.strictSame(headers['set-cookie'], ['a=secret; HttpOnly; Path=/set', 'b=secret; HttpOnly; Path=/set'])
  const lines = await rest()
  t.strictSame(lines.map(line => line.index), [0, 1, 2, undefined])
  t.match(lines[3], { summary: { total: 3, ok: 3 } })
  for (const line of lines) t.notOk('set_cookie' in line)

  const undone = await streamBatch(t, app, { atomic: true, batch: [get('/set/a'), get('/set/bad'), get('/none')] })
  t.strictSame(events.slice(3), ['begin', 'rollback', 'send'])
  t.notOk('set-cookie' in undone.headers)
  t.strictSame((await undone.rest()).map(line => [line.status_code, line.outcome]), [
    [424, 'rolled_back'], [409, 'rolled_back'], [424, 'not_started'], [undefined, undefined]
  ])
})

/** An app whose `/wait` says that it was reached, and is answered when the app does not listen any more. */
function buildWaiting (t: Teardown, dispatch: Dispatch) {
  const app = build(t, { executor: sequential({ dispatch }) })
  const reached = latch()
  const closing = latch()
  app.addHook('preClose', async () => { closing.open() })
  app.get('/', async () => 'x')
  app.get('/wait', async () => {
    reached.open()
    await closing.promise
    // A connection that becomes free after that is not closed by the server.
    while (app.server.listening) await new Promise(setImmediate)
    return 'x'
  })
  return { app, reached: reached.promise }
}

/** An executor that takes the place of an app. */
function executorOf (execute: Executor['execute'], perBatch = 1): Executor {
  return { name: 'test', perBatch, total: Infinity, execute }
}

testEach('when the server closes, the rest is answered 503, and the answer ends', async (t, dispatch) => {
  const { app, reached } = buildWaiting(t, dispatch)
  await listen(app)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  const { next, rest } = await streamBatch(t, app, { batch: [get('/'), get('/wait'), get('/'), get('/')] }, { agent })
  t.match(await next(), { index: 0 })
  await reached
  const closed = app.close()
  const lines = await rest()
  const inOrder = lines.slice(0, 3).sort((a, b) => a.index - b.index)
  t.strictSame(inOrder.map(line => line.status_code), [200, 503, 503])
  t.match(lines[3], { summary: { total: 4, ok: 2, not_started: 2, retry: [2, 3] } })
  await closed
})

testEach('nor does the close of an app that nobody listens to break what is injected', async (t, dispatch) => {
  const { app, reached } = buildWaiting(t, dispatch)
  const answered = app.inject({ method: 'POST', url: '/batch', headers: streamHeaders, payload: { batch: [get('/'), get('/wait')] } })
  await reached
  await app.close()
  t.equal((await answered).body.trim().split('\n').length, 3)
})

testEach('a client whose head comes when the server closes already is told to close', async (t, dispatch) => {
  const { app, reached } = buildWaiting(t, dispatch)
  await listen(app)
  const answered = streamBatch(t, app, { batch: [get('/wait'), get('/wait')] }, { agent: new Agent({ keepAlive: true }) })
  await reached
  const closed = app.close()
  const { headers, rest } = await answered
  t.equal(headers.connection, 'close')
  t.equal((await rest()).length, 3)
  await closed
})

testEach('an error of a hook that comes too late for the answer ends the batch', async (t, dispatch) => {
  const app = build(t, {
    executor: concurrent({ limit: 2, dispatch }),
    route: { onSend: async () => { throw new Error('no answer') } }
  })
  const started = latch()
  const aborted = latch()
  app.get('/', () => started.promise)
  app.get('/never', request => {
    request.signal.addEventListener('abort', () => { aborted.open() })
    started.open()
  })
  await listen(app)
  const { status } = await streamBatch(t, app, { batch: [get('/'), get('/never'), get('/')] })
  t.equal(status, 500)
  await aborted.promise
})

t.test('an executor that answers with what cannot be written breaks the answer off', async t => {
  const headSent = latch()
  const executor = executorOf(async ({ url }) => {
    if (url === '/late') await headSent.promise
    return { status: 200, reason: 'OK', headers: url !== '/' ? { 'x-big': [1n] as never } : {}, body: Buffer.from('x') }
  })
  const app = await listen(build(t, { executor }))
  t.equal((await streamBatch(t, app, { batch: [get('/bad'), get('/')] })).status, 500, 'before the head')
  const { next } = await streamBatch(t, app, { batch: [get('/'), get('/late'), get('/')] })
  t.match(await next(), { index: 0 })
  headSent.open()
  await t.rejects(next(), { code: 'ECONNRESET' }, 'and no summary')
})

t.test('what was answered is in no memory, but for what bindings need', async t => {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  let bodies: Array<WeakRef<Buffer>> = []
  /** Which answers were in memory when an item ran. */
  let alive: boolean[][] = []
  const executor = executorOf(async ({ url, batch: { index } }) => {
    await new Promise(resolve => setImmediate(resolve))
    collect()
    alive[index] = bodies.map(body => body.deref() !== undefined)
    const body = Buffer.from(JSON.stringify({ id: 'x'.repeat(10_000) }))
    bodies[index] = new WeakRef(body)
    return { status: url === '/bad' ? 400 : 200, reason: 'OK', headers: { 'content-type': 'application/json' }, body }
  })
  const app = await listen(build(t, { executor }))
  const plain = Array(4).fill(get('/'))
  await (await streamBatch(t, app, {
    batch: [get('/'), get('/', 'a'), get('/'), get('/'), { ...get('/'), bind: { '/headers/x-id': 'a/body/id' } }, ...plain]
  })).rest()
  // The last one may still be on its way.
  t.strictSame(alive[3]!.slice(0, 2), [false, true], 'kept for the binding')
  t.strictSame(alive[7]!.slice(0, 5), [false, false, false, false, false], 'and not longer')

  bodies = []
  alive = []
  await (await streamBatch(t, app, {
    batch: [
      get('/bad', 'a'), get('/', 'b'), { ...get('/'), bind: { '/headers/x-a': 'a/body/id', '/headers/x-b': 'b/body/id' } }, ...plain
    ]
  })).rest()
  t.strictSame(alive[5]!.slice(0, 2), [false, false], 'nor for one that will not run')
})

t.test('of answers that were there with the first line, the cookie of the last item is kept', async t => {
  const both = latch()
  const executor = executorOf(async ({ batch: { index } }) => {
    if (index === 1) both.open()
    else await both.promise
    return { status: 200, reason: 'OK', headers: { 'set-cookie': `a=${index}; Path=/` }, body: Buffer.alloc(0) }
  }, 2)
  const app = await listen(build(t, { executor }))
  const { headers, rest } = await streamBatch(t, app, { batch: [get('/'), get('/')] })
  t.strictSame((await rest()).map(({ index, set_cookie: said }) => [index, said]), [
    [1, undefined], [0, undefined], [undefined, undefined]
  ])
  t.strictSame(headers['set-cookie'], ['a=1; Path=/'])
})
