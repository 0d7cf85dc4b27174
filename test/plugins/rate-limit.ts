import { randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import batch, { sequential } from '../../lib/index.ts'
import { dispatches, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app, address) {
    const limit = { max: 2, timeWindow: 60_000 }
    await app.register(async context => {
      await context.register(rateLimit, { global: false })
      context.get('/rate-limit', { config: { rateLimit: limit } }, async () => 'in')
      context.get('/rate-limit/unlimited', async () => 'in')
    })
    if (address === undefined) return
    const redis = new Redis({ ...address, maxRetriesPerRequest: 1 })
    app.addHook('onClose', async () => { redis.disconnect() })
    await app.register(async context => {
      // The apps share the Redis, and each counts for itself.
      await context.register(rateLimit, { global: false, redis, nameSpace: randomUUID() })
      context.get('/rate-limit/redis', { config: { rateLimit: limit } }, async () => 'in')
    })
  },

  async visit (t, visitor) {
    const limited = { method: 'GET', url: '/rate-limit' }
    const inRedis = { method: 'GET', url: '/rate-limit/redis' }
    const items = [limited, { method: 'GET', url: '/rate-limit/unlimited' }, limited, limited]
    const answers = await visitor.send(items)
    t.strictSame(answers.map(({ status }) => status), [200, 200, 200, 429], 'each item counts')
    t.strictSame(answers.map(({ headers }) => headers['x-ratelimit-remaining']), ['1', undefined, '0', '0'])
    t.hasProp(answers[3]!.headers, 'retry-after')
    t.strictSame(await visitor.statuses([limited]), [429], 'in all batches together')

    const skip = visitor.redis === undefined && 'SKIPPED: there is no redis-server on PATH'
    const statuses = skip === false ? await visitor.statuses([inRedis, inRedis, inRedis]) : []
    t.strictSame(statuses, [200, 200, 429], 'in Redis', { skip })
  },

  varying: /(?<=x-ratelimit-reset: |retry-after: )\d+/g,

  async also (t) {
    for (const dispatch of dispatches) {
      const app = Fastify()
      t.teardown(() => app.close())
      await app.register(rateLimit, { max: 3, timeWindow: 60_000 })
      app.register(batch, { executor: sequential({ dispatch }) })
      app.get('/rate-limit', async () => 'in')
      await listen(app)
      const { batch: answers } = await sendBatch(app, Array(3).fill({ method: 'GET', url: '/rate-limit' }))
      const statuses = answers.map(answer => answer.status_code)
      t.strictSame(statuses, [200, 200, 429], 'a limit for all routes counts the batch request as well')
      t.equal((await sendBatch(app, [{ method: 'GET', url: '/rate-limit' }])).status, 429)
    }
  }
} satisfies PluginTest
