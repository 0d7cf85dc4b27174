// Transactions that fail, hang, or are cut off, on a real PostgreSQL: what is answered is what is in the database.
import { createConnection, type AddressInfo } from 'node:net'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { BatchOptions } from '../../lib/index.ts'
import {
  addBookRoutes, atomicRequest, author, endings, get, injectAtomic, names, sendAtomic, type Queryable
} from '../fixtures/books.ts'
import { empty, pgliteTransactions, startDatabase, type PgliteTransaction } from '../fixtures/pglite.ts'
import { build, latch, listen, type Teardown } from '../helper.ts'

const db = await startDatabase()
t.teardown(() => db.close())
t.beforeEach(() => empty(db))

const transaction = pgliteTransactions(db)
const forever = new Promise<never>(() => {})

// Long enough for a statement on a busy machine.
const subrequestTimeout = 500

/** An app with authors and books, and what it logs as errors. */
function buildBooks (t: Teardown, options: BatchOptions): { app: FastifyInstance, errors: any[] } {
  const errors: any[] = []
  const stream = { write: (line: string) => { errors.push(JSON.parse(line)) } }
  const logger: FastifyServerOptions['logger'] = { level: 'error', stream }
  const app = build(t, { transaction, ...options }, { logger })
  addBookRoutes(app, db)
  app.get('/', async () => 'works')
  return { app, errors }
}

/** The adapter, and which of its functions were called. */
function watched (): { calls: string[], transaction: typeof transaction } {
  const calls: string[] = []
  return {
    calls,
    transaction: {
      begin (request) {
        calls.push('begin')
        return transaction.begin(request)
      },
      commit (handle) {
        calls.push('commit')
        return transaction.commit(handle)
      },
      rollback (handle) {
        calls.push('rollback')
        return transaction.rollback(handle)
      }
    }
  }
}

const failures: Record<string, () => Promise<never>> = {
  throws: () => { throw new Error('the disk is full') },
  rejects: async () => { throw new Error('the disk is full') },
  'never ends': () => forever
}

for (const [failure, fail] of Object.entries(failures)) {
  const cause = failure === 'never ends' ? 'no answer within' : 'the disk is full'

  t.test(`a begin that ${failure} starts nothing`, async t => {
    const unwanted = () => { throw new Error('not wanted') }
    const { app, errors } = buildBooks(t, {
      subrequestTimeout: 40, transaction: { begin: fail, commit: unwanted, rollback: unwanted }
    })
    const { status, json, batch } = await injectAtomic(app, [author('Ada'), get('/')])
    t.equal(status, 200)
    t.strictSame(endings(batch), Array(2).fill([503, 'not_started', 'FST_BATCH_BEGIN_FAILED']))
    t.equal(JSON.parse(batch[0]!.body).message, 'the transaction could not begin', 'the cause is nobody\'s business')
    t.strictSame(json.summary, { total: 2, ok: 0, failed: 0, not_started: 2, retry: [0, 1] })
    t.match(errors, [{ err: { code: 'FST_BATCH_BEGIN_FAILED', message: new RegExp(cause) } }])
    t.equal(errors.length, 1)
    t.strictSame(await names(db), [])
  })

  t.test(`after a commit that ${failure} nobody knows`, async t => {
    const { app, errors } = buildBooks(t, {
      subrequestTimeout,
      transaction: {
        ...transaction,
        async commit (handle: PgliteTransaction) {
          await transaction.commit(handle)
          return fail()
        },
        rollback () { throw new Error('not wanted') }
      }
    })
    const { json, batch } = await injectAtomic(app, [author('Ada'), get('/')])
    t.strictSame(endings(batch), Array(2).fill([500, 'unknown', 'FST_BATCH_COMMIT_FAILED']))
    t.equal(JSON.parse(batch[0]!.body).message, 'the transaction could not be committed')
    t.strictSame(json.summary, { total: 2, ok: 0, failed: 2, not_started: 0, retry: [] })
    t.match(errors, [{ err: { code: 'FST_BATCH_COMMIT_FAILED', message: new RegExp(cause) } }])
    t.equal(errors.length, 1)
    t.strictSame(await names(db), ['Ada'], 'it may well be there')
  })

  t.test(`after a rollback that ${failure} nobody knows`, async t => {
    const { app, errors } = buildBooks(t, {
      subrequestTimeout,
      transaction: {
        ...transaction,
        commit () { throw new Error('not wanted') },
        async rollback (handle: PgliteTransaction) {
          await transaction.rollback(handle)
          return fail()
        }
      }
    })
    const { json, batch } = await injectAtomic(app, [author('Ada'), get('/nowhere'), get('/')])
    t.strictSame(endings(batch), [
      [500, 'unknown', 'FST_BATCH_ROLLBACK_FAILED'], [404, 'unknown', undefined], [424, 'not_started', 'FST_BATCH_STOPPED']
    ])
    t.equal(JSON.parse(batch[0]!.body).message, 'the transaction could not be rolled back')
    t.strictSame(json.summary, { total: 3, ok: 0, failed: 2, not_started: 1, retry: [] })
    t.match(errors, [{ err: { code: 'FST_BATCH_ROLLBACK_FAILED', message: new RegExp(cause) } }])
    t.equal(errors.length, 1)
  })
}

for (const failing of [false, true]) {
  t.test(`a begin that ends too late is rolled back${failing ? ', and the log says where that failed' : ''}`, async t => {
    const { calls, transaction: inner } = watched()
    const connected = latch()
    const over = latch()
    const { app, errors } = buildBooks(t, {
      subrequestTimeout: 40,
      transaction: {
        ...inner,
        async begin (request) {
          await connected.promise
          return inner.begin(request)
        },
        async rollback (handle: PgliteTransaction) {
          await inner.rollback(handle)
          over.open()
          if (failing) throw new Error('the disk is full')
        }
      }
    })
    const { batch } = await injectAtomic(app, [author('Ada')])
    t.strictSame(endings(batch), [[503, 'not_started', 'FST_BATCH_BEGIN_FAILED']])
    t.strictSame(calls, [])
    connected.open()
    await over.promise
    t.strictSame(calls, ['begin', 'rollback'])
    t.strictSame(await names(db), [], 'the database is free for others')
    await new Promise(setImmediate)
    const codes = errors.map(({ err }) => err.code)
    t.strictSame(codes, ['FST_BATCH_BEGIN_FAILED', ...failing ? ['FST_BATCH_ROLLBACK_FAILED'] : []])
    if (failing) t.match(errors[1].err.message, 'the disk is full')
  })
}

t.test('a begin that fails too late leaves nothing to roll back', async t => {
  const connected = latch()
  const { app, errors } = buildBooks(t, {
    subrequestTimeout: 40,
    transaction: {
      ...transaction,
      async begin () {
        await connected.promise
        throw new Error('refused')
      },
      rollback () { throw new Error('not wanted') }
    }
  })
  await injectAtomic(app, [author('Ada')])
  connected.open()
  await new Promise(setImmediate)
  t.match(errors, [{ err: { code: 'FST_BATCH_BEGIN_FAILED' } }])
  t.equal(errors.length, 1)
})

t.test('a constraint that is checked at the end makes the commit fail', async t => {
  const { calls, transaction } = watched()
  const { app, errors } = buildBooks(t, { transaction })
  const orphan = { method: 'post', url: '/books', body: { title: 'Notes', author_id: 7 } }
  const { batch } = await injectAtomic(app, [author('Ada'), orphan])
  t.strictSame(endings(batch), Array(2).fill([500, 'unknown', 'FST_BATCH_COMMIT_FAILED']))
  t.match(errors, [{ err: { message: /violates foreign key constraint/ } }])
  t.strictSame(calls, ['begin', 'commit'], 'a transaction is ended once')
  t.strictSame(await names(db), [])
})

t.test('a handler that hides a failed statement cannot make it a success', async t => {
  const { app, errors } = buildBooks(t, {})
  const { batch } = await injectAtomic(app, [author('Ada'), { method: 'post', url: '/careless' }])
  t.strictSame(endings(batch), Array(2).fill([500, 'unknown', 'FST_BATCH_COMMIT_FAILED']))
  t.match(errors, [{ err: { message: /rolled back instead of committed/ } }])
  t.strictSame(await names(db), [])
})

t.test('a handler that hangs is rolled back, and finds its transaction closed', async t => {
  const { calls, transaction } = watched()
  const { app } = buildBooks(t, { transaction, subrequestTimeout })
  const proceed = latch()
  const late = latch<unknown>()
  app.post('/hang', async request => {
    const sql = request.batch!.transaction as PgliteTransaction
    await sql.query('insert into authors (name) values ($1)', ['Grace'])
    await proceed.promise
    late.open(await sql.query('insert into authors (name) values ($1)', ['Late']).catch((error: Error) => error.message))
  })
  const { json, batch } = await injectAtomic(app, [author('Ada'), { method: 'post', url: '/hang' }, get('/')])
  t.strictSame(endings(batch), [
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'],
    [504, 'rolled_back', 'FST_BATCH_SUBREQUEST_TIMEOUT'],
    [424, 'not_started', 'FST_BATCH_STOPPED']
  ])
  t.strictSame(json.summary, { total: 3, ok: 0, failed: 2, not_started: 1, retry: [0, 1, 2] })
  t.strictSame(calls, ['begin', 'rollback'])
  t.strictSame(await names(db), [])

  proceed.open()
  t.equal(await late.promise, 'Transaction is closed')
  t.strictSame(await names(db), [])
})

t.test('a batch that is out of time is rolled back', async t => {
  const { app } = buildBooks(t, { batchTimeout: subrequestTimeout })
  app.get('/hang', async () => forever)
  const { batch } = await injectAtomic(app, [author('Ada'), get('/hang'), get('/')])
  t.strictSame(endings(batch), [
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'],
    [504, 'rolled_back', 'FST_BATCH_TIMEOUT'],
    [504, 'not_started', 'FST_BATCH_TIMEOUT']
  ])
  t.strictSame(await names(db), [])
})

t.test('an answer that is too large undoes all', async t => {
  const { app } = buildBooks(t, { maxResponseBytes: 100 })
  app.get('/large', async () => 'x'.repeat(101))
  const { batch } = await injectAtomic(app, [author('Ada'), get('/large')])
  t.strictSame(endings(batch), [
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'], [502, 'rolled_back', 'FST_BATCH_RESPONSE_TOO_LARGE']
  ])
  t.strictSame(await names(db), [])
})

t.test('when the client leaves in the middle, all is undone', async t => {
  const { calls, transaction } = watched()
  const inserted = latch()
  const over = latch()
  let runs = 0
  const { app } = buildBooks(t, {
    transaction: {
      ...transaction,
      async rollback (handle: PgliteTransaction) {
        await transaction.rollback(handle)
        over.open()
      }
    }
  })
  app.post('/hang', async request => {
    await (request.batch!.transaction as Queryable).query('insert into authors (name) values ($1)', ['Grace'])
    inserted.open()
    await forever
  })
  app.get('/after', async () => { runs++ })
  await listen(app)
  const client = open(app, [author('Ada'), { method: 'post', url: '/hang' }, get('/after')])
  await inserted.promise
  client.destroy()
  await over.promise
  t.strictSame(calls, ['begin', 'rollback'])
  t.equal(runs, 0)
  t.strictSame(await names(db), [])
})

t.test('when the client leaves before the transaction has begun, nothing is started', async t => {
  const { calls, transaction } = watched()
  const beginning = latch()
  const gone = latch()
  const over = latch()
  let runs = 0
  const { app } = buildBooks(t, {
    route: { onRequest: async (_request, reply) => { reply.raw.once('close', () => { gone.open() }) } },
    transaction: {
      ...transaction,
      async begin (request) {
        beginning.open()
        await gone.promise
        return transaction.begin(request)
      },
      async rollback (handle: PgliteTransaction) {
        await transaction.rollback(handle)
        over.open()
      }
    }
  })
  app.get('/count', async () => { runs++ })
  await listen(app)
  const client = open(app, [get('/count')])
  await beginning.promise
  client.destroy()
  await over.promise
  t.strictSame(calls, ['begin', 'rollback'])
  t.equal(runs, 0)
})

t.test('when the server closes in the middle, all is undone and answered', async t => {
  const { calls, transaction } = watched()
  const { app } = buildBooks(t, { transaction })
  const inserted = latch()
  const closing = latch()
  app.addHook('preClose', async () => { closing.open() })
  app.addHook('onClose', async () => { calls.push('onClose') })
  app.post('/wait', async request => {
    await (request.batch!.transaction as Queryable).query('insert into authors (name) values ($1)', ['Grace'])
    inserted.open()
    await closing.promise
    return 'finished'
  })
  await listen(app)
  const answered = sendAtomic(app, [author('Ada'), { method: 'post', url: '/wait' }, get('/')])
  await inserted.promise
  await app.close()
  const { status, headers, json, batch } = await answered
  t.equal(status, 200)
  t.equal(headers.connection, 'close')
  t.strictSame(endings(batch), [
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'],
    [424, 'rolled_back', 'FST_BATCH_ROLLED_BACK'],
    [503, 'not_started', 'FST_BATCH_CLOSING']
  ])
  t.strictSame(json.summary, { total: 3, ok: 0, failed: 2, not_started: 1, retry: [0, 1, 2] })
  t.strictSame(calls, ['begin', 'rollback', 'onClose'], 'before hooks that close the database')
  t.strictSame(await names(db), [])
})

t.test('when the server closes before the transaction has begun, nothing is started', async t => {
  const { calls, transaction: inner } = watched()
  const beginning = latch()
  const closing = latch()
  const { app } = buildBooks(t, {
    transaction: {
      ...inner,
      async begin (request) {
        beginning.open()
        await closing.promise
        // By then every hook has heard of it.
        await new Promise(setImmediate)
        return inner.begin(request)
      }
    }
  })
  app.addHook('preClose', async () => { closing.open() })
  await listen(app)
  const answered = sendAtomic(app, [author('Ada'), author('Grace')])
  await beginning.promise
  await app.close()
  t.strictSame(endings((await answered).batch), Array(2).fill([503, 'not_started', 'FST_BATCH_CLOSING']))
  t.strictSame(calls, ['begin', 'rollback'])
})

/** Sends an atomic batch whose answer nobody reads. */
function open (app: FastifyInstance, items: Parameters<typeof atomicRequest>[0]) {
  const { method, path, headers, body } = atomicRequest(items)
  const socket = createConnection((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${headers['content-type']}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  return socket
}
