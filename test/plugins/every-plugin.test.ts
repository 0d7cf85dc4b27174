// The plugins of this folder, each in every way that a subrequest can go.
import Fastify from 'fastify'
import t from 'tap'
import batch, { processPool } from '../../lib/index.ts'
import { findRedis, startRedis } from '../fixtures/redis.ts'
import { listen } from '../helper.ts'
import { visitEverywhere } from './everywhere.ts'
import { names, pluginTest } from './worker-app.ts'

const program = findRedis()
const redis = program === undefined ? undefined : await startRedis(t, program)

const pool = Fastify({ pluginTimeout: 60_000 })
t.teardown(() => pool.close())
const app = new URL('worker-app.ts', import.meta.url)
pool.register(batch, { executor: processPool({ app, workers: 1, arguments: [redis] }), durationHeader: false })
await listen(pool)

for (const name of names) {
  t.test(name, async t => visitEverywhere(t, await pluginTest(name), pool, redis))
}
