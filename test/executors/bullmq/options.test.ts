import Fastify from 'fastify'
import { Redis } from 'ioredis'
import t from 'tap'
import { bullmq, startWorker, type BullmqOptions } from '../../../lib/bullmq.ts'
import batch from '../../../lib/index.ts'

const both = { connection: 'redis://localhost', queue: 'a:b', prefix: 5 }
const needed = { connection: {}, queue: 'q' }

for (const [name, value] of Object.entries({
  ...both, limit: 0, attempts: 1.5, enqueueTimeout: -1, jobName: 'POST', workers: 4
})) {
  t.test(`a wrong option of bullmq() is named: ${name}`, async t => {
    t.throws(() => bullmq({ ...needed, [name]: value }), { code: 'FST_BATCH_INVALID_OPTION', message: new RegExp(`"${name}"`) })
  })
}

for (const [name, value] of Object.entries({
  ...both,
  app: 5,
  exportName: 5,
  arguments: 'one',
  concurrency: 0,
  dispatch: 'telepathy',
  lockDuration: 0,
  gracePeriod: 2 ** 31,
  metrics: true,
  limit: 5
})) {
  t.test(`a wrong option of startWorker() is named: ${name}`, async t => {
    const wrong = { ...needed, app: () => Fastify(), [name]: value }
    await t.rejects(startWorker(wrong), { code: 'FST_BATCH_INVALID_OPTION', message: new RegExp(`"${name}"`) })
  })
}

t.test('a keyPrefix is refused, as BullMQ has a prefix of its own', async t => {
  const client = new Redis({ keyPrefix: 'own:', lazyConnect: true })
  for (const connection of [{ keyPrefix: 'own:' }, client]) {
    t.throws(() => bullmq({ ...needed, connection }), { code: 'FST_BATCH_INVALID_OPTION', message: /"connection".*keyPrefix/ })
  }
})

t.test('what both need is missed', async t => {
  for (const name of ['connection', 'queue']) {
    const options = { ...needed, [name]: undefined }
    delete options[name as keyof typeof options]
    t.throws(() => bullmq(options), { code: 'FST_BATCH_INVALID_OPTION', message: new RegExp(`"${name}"`) })
  }
  await t.rejects(startWorker(needed as never), { code: 'FST_BATCH_INVALID_OPTION', message: /"app"/ })
})

t.test('limits', async t => {
  t.match(bullmq(needed), { name: 'bullmq', perBatch: 100, total: 100 })
  t.match(bullmq({ ...needed, limit: 7 }), { perBatch: 7, total: 7 })
})

t.test('what cannot be handed to a worker is refused', async t => {
  const transaction = { async begin () {}, async commit () {}, async rollback () {} }
  for (const options of [{ transaction }, { allow: () => true }]) {
    const app = Fastify()
    app.register(batch, { executor: bullmq(needed as BullmqOptions), ...options })
    await t.rejects(async () => app.ready(), { code: 'FST_BATCH_INVALID_OPTION', message: /"bullmq"/ })
  }
})

t.test('an executor that no app has started closes', async () => {
  await bullmq(needed).close!()
})
