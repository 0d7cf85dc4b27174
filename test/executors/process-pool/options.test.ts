import t from 'tap'
import Fastify from 'fastify'
import batch, { processPool } from '../../../lib/index.ts'
import { answers, app, buildPool } from './pool.ts'

for (const [name, value] of Object.entries({
  app: 5,
  exportName: 5,
  arguments: [() => {}],
  workers: 0,
  concurrency: 1.5,
  dispatch: 'telepathy',
  lazy: 'yes',
  env: 'PATH',
  execArgv: '--inspect',
  maxMemory: -1,
  bootTimeout: 0,
  gracePeriod: 2 ** 31,
  threads: 4
})) {
  t.test(`a wrong option is named: ${name}`, async t => {
    t.throws(() => processPool({ app, [name]: value }), { code: 'FST_BATCH_INVALID_OPTION', message: new RegExp(`"${name}"`) })
  })
}

t.test('arguments that are no array are refused, and a url may be a string', async t => {
  t.throws(() => processPool({ app, arguments: 'a' as never }), { message: /"arguments"/ })
  t.match(processPool({ app: app.href, workers: 2 }), { total: 2 })
})

t.test('by default there is a worker for each processor, with one subrequest at a time', async t => {
  const { availableParallelism } = await import('node:os')
  t.match(processPool({ app }), { name: 'processPool', perBatch: availableParallelism(), total: availableParallelism() })
  t.match(processPool({ app: 'app.js', workers: 3, concurrency: 4 }), { perBatch: 12, total: 12 })
})

t.test('the environment and the options of node are those that are given', async t => {
  const env = { PATH: process.env.PATH, TS_NODE_TRANSPILE_ONLY: 'true', OWN: '1', NONE: undefined }
  const parent = buildPool(t, { env, execArgv: [...process.execArgv, '--no-deprecation'] })
  const [answer] = await answers(parent, '/environment')
  const { env: { OWN, HOME, NONE }, execArgv } = JSON.parse(answer!.body)
  t.strictSame([OWN, HOME, NONE], ['1', undefined, undefined])
  t.ok(execArgv.includes('--no-deprecation'))
})

t.test('what cannot be handed to a worker is refused', async t => {
  const transaction = { async begin () {}, async commit () {}, async rollback () {} }
  for (const options of [{ transaction }, { allow: () => true }]) {
    const parent = Fastify()
    parent.register(batch, { executor: processPool({ app }), ...options })
    await t.rejects(async () => parent.ready(), { code: 'FST_BATCH_INVALID_OPTION', message: new RegExp(`"${Object.keys(options)[0]}".*"processPool"`) })
  }
})
