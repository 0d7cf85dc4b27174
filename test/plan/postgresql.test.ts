// The adapter of docs/transactions.md on a PostgreSQL server, with connections that are really at the same time.
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import t from 'tap'
import type { BatchOptions, TransactionAdapter } from '../../lib/index.ts'
import { addBookRoutes, author, endings, get, injectAtomic, names, tables, type Queryable } from '../fixtures/books.ts'
import { blocks, loadApp, moduleUrl } from '../fixtures/examples.ts'
import { findPostgresql, startPostgresql } from '../fixtures/postgresql.ts'
import { build, latch, type Teardown } from '../helper.ts'

const [adapterExample, appExample] = blocks('docs/transactions.md', 'js') as [string, string]
const adapter = moduleUrl(adapterExample)
const { transactions } = await import(adapter) as { transactions: (pool: pg.Pool) => TransactionAdapter<Queryable> }

const programs = findPostgresql()
const missing = 'THERE IS NO POSTGRESQL SERVER HERE: the adapter for pg was not tested (apt-get install postgresql)'

t.test('on a server', { skip: programs === undefined && missing }, async t => {
  const address = await startPostgresql(t, programs!)
  /** Beside the apps: looks at what is committed, and holds locks. */
  const observer = new pg.Client(address)
  await observer.connect()
  await observer.query(tables)
  t.beforeEach(async () => { await observer.query('truncate books, authors restart identity') })
  t.teardown(() => observer.end())

  function buildBooks (t: Teardown, max: number, options: BatchOptions = {}): { app: FastifyInstance, pool: pg.Pool } {
    const pool = new pg.Pool({ ...address, max })
    pool.on('error', () => {})
    const app = build(t, { transaction: transactions(pool), ...options })
    app.addHook('onClose', () => pool.end())
    addBookRoutes(app, pool)
    return { app, pool }
  }

  t.test('the app of the documentation commits and rolls back', async t => {
    Object.assign(process.env, { PGHOST: address.host, PGUSER: address.user, PGDATABASE: address.database })
    const app: FastifyInstance = await loadApp(appExample.replace('logger: true', ''), { './transactions.js': adapter })
    t.teardown(() => app.close())
    const payload = JSON.parse(blocks('docs/transactions.md', 'json')[0]!)
    const send = async () => (await app.inject({ method: 'POST', url: '/batch', payload })).json().batch

    t.match(await send(), [
      { id: 'author', status_code: 201, body: '{"id":1,"name":"Ada Lovelace"}' },
      { status_code: 201, body: '{"id":1,"author_id":1,"title":"Notes"}' }
    ])
    payload.batch[0].body.name = 'Grace Hopper'
    payload.batch[1].body.title = null
    t.match(await send(), [{ status_code: 424, outcome: 'rolled_back' }, { status_code: 500, outcome: 'rolled_back' }])
    t.strictSame(await names(observer), ['Ada Lovelace'])
    t.equal((await app.inject({ method: 'POST', url: '/authors', payload: { name: 'Grace Hopper' } })).statusCode, 201)
    t.strictSame(await names(observer), ['Ada Lovelace', 'Grace Hopper'], 'without a transaction as well')
  })

  t.test('two atomic batches at the same time do not mix', async t => {
    const { app, pool } = buildBooks(t, 2)
    const inside = latch()
    const proceed = latch()
    app.get('/wait', async (_request, reply) => {
      inside.open()
      await proceed.promise
      return reply.code(409).send()
    })
    const failing = injectAtomic(app, [author('Ada'), get('/authors'), get('/wait'), get('/authors')])
    await inside.promise
    const { batch } = await injectAtomic(app, [author('Grace'), get('/authors')])
    t.equal(pool.totalCount, 2)
    t.equal(batch[1]!.body, '["Grace"]', 'what the other one did is not to be seen')
    t.strictSame(await names(observer), ['Grace'], 'and this one is committed before it ends')
    proceed.open()
    t.match((await failing).batch[2], { status_code: 409, outcome: 'rolled_back' })
    t.strictSame(await names(observer), ['Grace'])
    t.equal(pool.idleCount, 2, 'all connections are given back')
  })

  t.test('a handler that goes on cannot get into the transaction that has its connection next', async t => {
    const { app, pool } = buildBooks(t, 1, { subrequestTimeout: 1000 })
    const proceed = latch()
    const late = latch<unknown>()
    app.get('/hang', async request => {
      const sql = request.batch!.transaction as Queryable
      await proceed.promise
      late.open(await sql.query('insert into authors (name) values ($1)', ['Late']).catch((error: Error) => error.message))
    })
    app.get('/let-it-go-on', async () => {
      proceed.open()
      return late.promise
    })
    const { batch } = await injectAtomic(app, [author('Ada'), get('/hang')])
    t.strictSame(endings(batch), [
      [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'], [504, 'rolled_back', 'FST_BATCH_SUBREQUEST_TIMEOUT']
    ])
    const { batch: next } = await injectAtomic(app, [author('Grace'), get('/let-it-go-on'), get('/authors')])
    t.strictSame(next.slice(1).map(answer => answer.body), ['the transaction is closed', '["Grace"]'])
    t.equal(pool.totalCount, 1, 'on the very same connection')
    t.strictSame(await names(observer), ['Grace'])
  })

  t.test('a connection whose statement hangs is handed to nobody', async t => {
    const warnings: Error[] = []
    const warn = (warning: Error) => { warnings.push(warning) }
    process.on('warning', warn)
    t.teardown(() => { process.off('warning', warn) })
    const { app } = buildBooks(t, 1, { subrequestTimeout: 1000 })
    app.get('/locked', async request => {
      await (request.batch!.transaction as Queryable).query('select pg_advisory_xact_lock(1)')
    })
    await observer.query('select pg_advisory_lock(1)')
    const { batch } = await injectAtomic(app, [author('Ada'), get('/locked')])
    t.strictSame(endings(batch), [
      [500, 'unknown', 'FST_BATCH_ROLLBACK_FAILED'], [504, 'unknown', 'FST_BATCH_SUBREQUEST_TIMEOUT']
    ])
    const { batch: next } = await injectAtomic(app, [author('Grace')])
    t.strictSame(endings(next), [[503, 'not_started', 'FST_BATCH_BEGIN_FAILED']])

    await observer.query('select pg_advisory_unlock(1)')
    t.equal((await injectAtomic(app, [author('Edsger')])).batch[0]!.status_code, 201)
    t.strictSame(await names(observer), ['Edsger'])
    t.strictSame(warnings, [], 'of pg, which wants one statement at a time')
  })

  t.test('a connection that breaks takes its batch with it, and nothing else', async t => {
    const { app, pool } = buildBooks(t, 1)
    const broken = latch()
    pool.once('connect', client => { client.once('end', () => { broken.open() }) })
    app.get('/break', async request => {
      const sql = request.batch!.transaction as Queryable
      const { rows: [row] } = await sql.query<{ pid: number }>('select pg_backend_pid() as pid')
      await observer.query('select pg_terminate_backend($1)', [row!.pid])
      await broken.promise
      return 'nothing noticed'
    })
    const { batch } = await injectAtomic(app, [author('Ada'), get('/break')])
    t.strictSame(endings(batch), Array(2).fill([500, 'unknown', 'FST_BATCH_COMMIT_FAILED']))
    t.equal((await injectAtomic(app, [author('Grace')])).batch[0]!.status_code, 201)
    t.strictSame(await names(observer), ['Grace'])
  })

  t.test('a transaction that cannot begin gives its connection back', async t => {
    const { app, pool } = buildBooks(t, 1)
    pool.on('connect', client => {
      const query = client.query.bind(client) as (...statement: unknown[]) => unknown
      Object.assign(client, {
        query (...statement: unknown[]) {
          return statement[0] === 'BEGIN' ? Promise.reject(new Error('not now')) : query(...statement)
        }
      })
    })
    for (let time = 0; time < 2; time++) {
      const { batch } = await injectAtomic(app, [author('Ada')])
      t.strictSame(endings(batch), [[503, 'not_started', 'FST_BATCH_BEGIN_FAILED']])
    }
    t.equal((await app.inject('/authors')).statusCode, 200)
  })

  t.test('a handler that hides a failed statement cannot make it a success', async t => {
    const { app } = buildBooks(t, 1)
    const { batch } = await injectAtomic(app, [author('Ada'), { method: 'post', url: '/careless' }])
    t.strictSame(endings(batch), Array(2).fill([500, 'unknown', 'FST_BATCH_COMMIT_FAILED']))
    t.strictSame(await names(observer), [])
  })
})
