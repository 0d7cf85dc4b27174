// Batches in a transaction, on a real PostgreSQL. How transactions fail: see atomic-failures.test.ts.
import cookie from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { concurrent, sequential, type BatchOptions, type Executor } from '../../lib/index.ts'
import { addBookRoutes, author, endings, get, injectAtomic, names } from '../fixtures/books.ts'
import { empty, pgliteTransactions, startDatabase } from '../fixtures/pglite.ts'
import { build, injectBatch, latch, type Teardown } from '../helper.ts'

const db = await startDatabase()
t.teardown(() => db.close())
t.beforeEach(() => empty(db))

const transaction = pgliteTransactions(db)

function buildBooks (t: Teardown, options: BatchOptions = {}): FastifyInstance {
  const app = build(t, { transaction, ...options })
  addBookRoutes(app, db)
  return app
}

t.test('what succeeds is committed, and answered as without a transaction', async t => {
  const app = buildBooks(t)
  const { status, json, batch } = await injectAtomic(app, [author('Ada'), author('Grace'), get('/authors')])
  t.equal(status, 200)
  t.strictSame(batch.map(answer => [answer.status_code, answer.body]), [
    [201, '{"id":1,"name":"Ada"}'], [201, '{"id":2,"name":"Grace"}'], [200, '["Ada","Grace"]']
  ])
  t.notOk(batch.some(answer => 'outcome' in answer))
  t.strictSame(json.summary, { total: 3, ok: 3, failed: 0, not_started: 0, retry: [] })
  t.strictSame(await names(db), ['Ada', 'Grace'])
})

t.test('one failure undoes all, and each answer says what became of its item', async t => {
  const app = buildBooks(t)
  app.post('/refuse', async (_request, reply) => reply.code(409).header('x-reason', 'taken').send({ taken: true }))
  let runs = 0
  app.get('/after', async () => { runs++ })

  const { status, json, batch } = await injectAtomic(app, [
    author('Ada'), get('/authors'), { method: 'post', url: '/refuse' }, get('/after'), get('/after')
  ])
  t.equal(status, 200)
  t.match(batch[2], { status_code: 409, outcome: 'rolled_back', headers: { 'x-reason': 'taken' }, body: '{"taken":true}' })
  t.strictSame(endings(batch), [
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'],
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'],
    [409, 'rolled_back', undefined],
    [424, 'not_started', 'FST_BATCH_STOPPED'],
    [424, 'not_started', 'FST_BATCH_STOPPED']
  ])
  t.strictSame(JSON.parse(batch[0]!.body), {
    statusCode: 424,
    code: 'FST_BATCH_ROLLED_BACK',
    error: 'Failed Dependency',
    message: 'undone, as another item of the transaction failed'
  })
  t.equal(runs, 0)
  t.strictSame(json.summary, { total: 5, ok: 0, failed: 3, not_started: 2, retry: [] })
  t.strictSame(await names(db), [])
})

t.test('a statement that fails undoes all', async t => {
  const app = buildBooks(t)
  const { batch } = await injectAtomic(app, [author('Ada'), author('Ada'), author('Grace')])
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [
    [424, 'rolled_back'], [500, 'rolled_back'], [424, 'not_started']
  ])
  t.match(batch[1]!.body, 'duplicate key')
  t.strictSame(await names(db), [])
})

t.test('items run one after another, whatever the executor', async t => {
  const app = buildBooks(t, { executor: concurrent({ limit: 4 }) })
  let running = 0
  let most = 0
  app.get('/slow', async () => {
    most = Math.max(most, ++running)
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    running--
  })
  const items = Array(4).fill(get('/slow'))
  await injectAtomic(app, items)
  t.equal(most, 1)
  await injectBatch(app, items)
  t.ok(most > 1, 'as they do without a transaction')
})

t.test('dependencies and bindings work inside a transaction', async t => {
  const app = buildBooks(t)
  const book = (id: string, source: string) => ({
    id, method: 'post', url: '/books', body: { title: id, author_id: 0 }, bind: { '/body/author_id': `${source}/body/id` }
  })
  const items = [book('Notes', 'ada'), { ...author('Ada'), id: 'ada' }, { ...get('/authors'), depends_on: ['Notes'] }]
  const { batch } = await injectAtomic(app, items)
  t.strictSame(batch.map(answer => [answer.id, answer.status_code, answer.body]), [
    ['Notes', 201, '{"id":1,"title":"Notes","author_id":1}'],
    ['ada', 201, '{"id":1,"name":"Ada"}'],
    [undefined, 200, '["Ada"]']
  ])

  const { batch: failed } = await injectAtomic(app, [
    { ...author('Grace'), id: 'grace' },
    { ...author('Grace'), id: 'again' },
    book('Compilers', 'again'),
    book('Cobol', 'grace')
  ])
  t.strictSame(failed.map(answer => [answer.status_code, answer.outcome]), [
    [424, 'rolled_back'], [500, 'rolled_back'], [424, 'not_started'], [424, 'not_started']
  ])

  const { batch: missing } = await injectAtomic(app, [
    { ...author('Grace'), id: 'grace' },
    { ...book('Cobol', 'grace'), bind: { '/body/author_id': 'grace/body/number' } }
  ])
  t.strictSame(endings(missing), [
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'], [424, 'not_started', 'FST_BATCH_MISSING_VALUE']
  ], 'an item that could not run undoes all as well')
  t.strictSame(await names(db), ['Ada'])
})

t.test('two atomic batches at the same time do not mix', async t => {
  const app = buildBooks(t)
  const inside = latch()
  const proceed = latch()
  const used: unknown[] = []
  app.addHook('preHandler', async ({ batch }) => { if (batch !== null) used.push(batch.transaction) })
  app.get('/wait', async (_request, reply) => {
    inside.open()
    await proceed.promise
    return reply.code(409).send()
  })
  const failing = injectAtomic(app, [author('Ada'), get('/wait')])
  await inside.promise
  const succeeding = injectAtomic(app, [author('Grace'), get('/authors')])
  proceed.open()
  t.match((await failing).batch, [{ status_code: 424, outcome: 'rolled_back' }, { status_code: 409 }])
  t.match((await succeeding).batch, [{ status_code: 201 }, { status_code: 200, body: '["Grace"]' }])
  t.strictSame(used.map(handle => used.indexOf(handle)), [0, 0, 2, 2], 'one transaction for each batch')
  t.strictSame(await names(db), ['Grace'])
})

t.test('without an adapter an atomic batch is refused before anything runs', async t => {
  const app = buildBooks(t, { transaction: undefined })
  const { status, json } = await injectAtomic(app, [author('Ada')])
  t.equal(status, 400)
  t.strictSame(json, {
    statusCode: 400,
    code: 'FST_BATCH_NO_TRANSACTIONS',
    error: 'Bad Request',
    message: 'atomic: this route has no transactions'
  })
  t.strictSame(await names(db), [])
  t.equal((await injectBatch(app, [author('Ada')])).batch[0]!.status_code, 201, 'others are not')
})

t.test('a batch that is not atomic has no transaction', async t => {
  const begin = () => { throw new Error('not wanted') }
  const app = buildBooks(t, { transaction: { ...transaction, begin } })
  app.get('/transaction', async request => ({ has: 'transaction' in request.batch!, is: typeof request.batch!.transaction }))
  for (const atomic of [false, undefined]) {
    const payload = { atomic, batch: [author('Ada'), author('Ada'), get('/transaction')] }
    const { batch } = (await app.inject({ method: 'POST', url: '/batch', payload })).json()
    t.strictSame(JSON.parse(batch[2].body), { has: false, is: 'undefined' })
    t.strictSame(await names(db), ['Ada'], 'and nothing is undone')
  }
})

t.test('an executor that is not of this process cannot have transactions', async t => {
  const far: Executor = { ...sequential(), name: 'far-away', inProcess: undefined }
  for (const executor of [far, { ...far, inProcess: false }]) {
    const app = build(t, { transaction, executor })
    await t.rejects(async () => { await app.ready() }, {
      code: 'FST_BATCH_INVALID_OPTION',
      message: /^option "transaction" must be left out, as the executor "far-away" cannot hand it to handlers, got /
    })
  }
  await build(t, { executor: far }).ready()
  await build(t, { transaction, executor: { ...far, inProcess: true } }).ready()
})

t.test('an adapter that is none fails registration', async t => {
  const { begin, commit, rollback } = transaction
  const incomplete = [{ begin, commit }, { begin, rollback }, { commit, rollback }, { begin, commit, rollback: true }]
  for (const given of [null, begin, ...incomplete]) {
    const app = build(t, { transaction: given as never })
    await t.rejects(async () => { await app.ready() }, {
      code: 'FST_BATCH_INVALID_OPTION', message: /^option "transaction" must be an object with begin, commit and rollback, got /
    })
  }
})

t.test('the functions of an adapter may be methods, and need not be asynchronous', async t => {
  class Journal {
    readonly lines: string[] = []
    begin () { return this.write('begin') }
    commit (transaction: this) { transaction.write('commit') }
    rollback (transaction: this) { transaction.write('rollback') }
    write (line: string) {
      this.lines.push(line)
      return this
    }
  }
  const journal = new Journal()
  const app = buildBooks(t, { transaction: journal })
  app.post('/', async ({ batch }) => { (batch!.transaction as Journal).write('write') })
  await injectAtomic(app, [{ method: 'post', url: '/' }])
  await injectAtomic(app, [{ method: 'post', url: '/' }, get('/nowhere')])
  t.strictSame(journal.lines, ['begin', 'write', 'commit', 'begin', 'write', 'rollback'])
})

t.test('begin is given the batch request', async t => {
  let user: unknown
  const app = buildBooks(t, {
    transaction: {
      ...transaction,
      begin (request) {
        user = request.headers['x-user']
        return transaction.begin(request)
      }
    }
  })
  const payload = { atomic: true, batch: [get('/authors')] }
  await app.inject({ method: 'POST', url: '/batch', headers: { 'x-user': 'ada' }, payload })
  t.equal(user, 'ada')
})

t.test('the transaction stays out of logs, copies and the hands of others', async t => {
  const log: string[] = []
  const adapter = { begin: () => ({ password: 'hunter2' }), commit () {}, rollback () {} }
  const stream = { write: (line: string) => { log.push(line) } }
  const app = build(t, { transaction: adapter }, { logger: { level: 'trace', stream } })
  app.get('/', async request => {
    const batch = request.batch!
    request.log.info({ batch }, 'from a handler')
    t.strictSame(batch.transaction, { password: 'hunter2' })
    t.strictSame(Object.keys(batch), ['requestId', 'index', 'size', 'deadline'])
    for (const change of [{ transaction: 'another' }, { index: 7 }]) t.throws(() => Object.assign(batch, change), TypeError)
    return batch
  })
  const { batch } = await injectAtomic(app, [get('/'), get('/nowhere')])
  t.ok(log.some(line => line.includes('from a handler') && line.includes('"index":0')))
  t.notMatch(log.join(''), 'hunter2')
  t.notMatch(JSON.stringify(batch), 'hunter2')
})

t.test('an item that was rolled back sets no cookies', async t => {
  const app = buildBooks(t)
  app.register(cookie)
  app.get('/cookie', async (_request, reply) => reply.setCookie('session', '1', { path: '/' }).send('set'))
  app.get('/failing-cookie', async (_request, reply) => reply.setCookie('other', '2', { path: '/' }).code(409).send('set'))
  const { headers } = await injectAtomic(app, [get('/cookie'), get('/authors')])
  t.match(headers['set-cookie'], ['session=1; Path=/'])
  for (const items of [[get('/cookie'), get('/nowhere')], [get('/cookie'), get('/failing-cookie')]]) {
    t.notOk('set-cookie' in (await injectAtomic(app, items)).headers)
  }
})

t.test('the summary says to send all again or nothing', async t => {
  const app = buildBooks(t)
  app.post('/busy', async (_request, reply) => reply.code(503).header('retry-after', '7').send('busy'))
  app.post('/many', async (_request, reply) => reply.code(429).header('retry-after', '3').send('too many'))
  const post = (url: string) => ({ method: 'post', url })

  const { json: { summary: busy } } = await injectAtomic(app, [author('Ada'), post('/busy'), author('Grace')])
  t.strictSame(busy, { total: 3, ok: 0, failed: 2, not_started: 1, retry: [0, 1, 2], retry_after: 7 })
  const { json: { summary: many } } = await injectAtomic(app, [post('/many')])
  t.strictSame(many, { total: 1, ok: 0, failed: 1, not_started: 0, retry: [0], retry_after: 3 })
  const { json: { summary: wrong } } = await injectAtomic(app, [author('Ada'), get('/nowhere')])
  t.strictSame(wrong, { total: 2, ok: 0, failed: 2, not_started: 0, retry: [] })
})
