// Workers that do not boot.
import Fastify from 'fastify'
import t from 'tap'
import batch, { processPool } from '../../../lib/index.ts'
import { injectBatch } from '../../helper.ts'
import { answers, app, buildPool, get, makeLedger } from './pool.ts'

for (const [boot, message] of [
  ['throw', /no app today/],
  ['throw a value', /a value/],
  ['exit', /ended with 7/],
  ['not ready', /not ready today/],
  ['nothing', /gave no Fastify instance/]
] as const) {
  t.test(`an app that does not boot keeps the parent from starting: ${boot}`, async t => {
    const parent = buildPool(t, { arguments: [{ boot }] })
    await t.rejects(async () => parent.ready(), { code: 'FST_BATCH_WORKER_BOOT', message })
  })
}

t.test('a boot that hangs is given up', async t => {
  const parent = buildPool(t, { arguments: [{ boot: 'hang' }], bootTimeout: 3000 })
  await t.rejects(async () => parent.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /no answer within 3000 ms/ })
})

t.test('Fastify does not wait longer than its pluginTimeout', async t => {
  const parent = Fastify({ pluginTimeout: 500 })
  parent.register(batch, { executor: processPool({ app, workers: 1, arguments: [{ boot: 'hang' }] }) })
  t.teardown(() => parent.close())
  await t.rejects(async () => parent.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /no answer within 250 ms/ })
  const patient = Fastify({ pluginTimeout: 0 })
  patient.register(batch, { executor: processPool({ app, workers: 1, arguments: [{ boot: 'hang' }], bootTimeout: 400 }) })
  t.teardown(() => patient.close())
  await t.rejects(async () => patient.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /no answer within 400 ms/ })
})

t.test('what is no module, or has no such export, is named', async t => {
  const missing = buildPool(t, { app: new URL('nowhere.js', import.meta.url) })
  await t.rejects(async () => missing.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /nowhere\.js/ })
  const noExport = buildPool(t, { exportName: 'nothing' })
  await t.rejects(async () => noExport.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /has no function "nothing"/ })
})

t.test('where no process can be started, the parent does not start, and goes on', async t => {
  const tooMuch = buildPool(t, { env: { ...process.env, TOO_MUCH: 'x'.repeat(2 ** 21) } })
  await t.rejects(async () => tooMuch.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /E2BIG/ })
  const { execPath } = process
  t.teardown(() => { process.execPath = execPath })
  process.execPath = '/nowhere/node'
  const missing = buildPool(t)
  await t.rejects(async () => missing.ready(), { code: 'FST_BATCH_WORKER_BOOT', message: /ENOENT/ })
})

t.test('another export, called with several arguments', async t => {
  const parent = buildPool(t, { exportName: 'named', arguments: ['given'] })
  const [answer] = await answers(parent, '/named')
  t.equal(answer!.body, 'given')
})

t.test('a function of a CommonJS module is found', async t => {
  const code = 'const Fastify = require("fastify"); exports.build = () => Fastify()'
  const folder = t.testdir({ 'app.cjs': code.replace('"fastify"', JSON.stringify(new URL(import.meta.resolve('fastify')).pathname)) })
  const parent = buildPool(t, { app: `${folder}/app.cjs`, exportName: 'build' })
  const [answer] = await answers(parent, '/nowhere')
  t.equal(answer!.status_code, 404)
})

t.test('a lazy pool starts with its first batch', async t => {
  const ledger = makeLedger(t)
  const parent = buildPool(t, { lazy: true, arguments: [{ ledger: ledger.file }] })
  await parent.ready()
  t.strictSame(ledger.read(), [])
  const [answer] = await answers(parent, '/pid')
  t.equal(answer!.status_code, 200)
  t.strictSame(ledger.read(), ['boot'])
})

t.test('a lazy pool that is never used closes', async t => {
  const parent = buildPool(t, { lazy: true })
  await parent.ready()
  await parent.close()
})

t.test('without a worker that boots, items are answered 503, and there are no endless attempts', async t => {
  const ledger = makeLedger(t)
  const lines: string[] = []
  const parent = Fastify({ logger: { stream: { write: (line: string) => { lines.push(line) } } } })
  const executor = processPool({ app, workers: 1, lazy: true, arguments: [{ boot: 'throw', ledger: ledger.file }] })
  parent.register(batch, { executor, subrequestTimeout: 100_000, batchTimeout: 100_000 })
  t.teardown(() => parent.close())
  const { batch: [first] } = await injectBatch(parent, [get('/pid')])
  t.match(first, { status_code: 503, outcome: 'not_started', body: /FST_BATCH_NO_WORKERS/ })
  const { batch: [second] } = await injectBatch(parent, [get('/pid')])
  t.match(second, { status_code: 503 })
  t.equal(ledger.read().length, 3)
  const logged = lines.map(line => JSON.parse(line)).filter(({ err }) => err?.code === 'FST_BATCH_WORKER_BOOT')
  t.equal(logged.length, 3)
  t.match(logged[0].err, { message: /no app today/, stack: /app\.ts/ })
})
