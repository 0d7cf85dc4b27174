// The plugins of this folder, each in every way that a subrequest can go.
import t from 'tap'
import { processPool } from '../../lib/index.ts'
import { findRedis, startRedis } from '../fixtures/redis.ts'
import { visitEverywhere } from './everywhere.ts'
import { names, pluginTest } from './worker-app.ts'

const program = findRedis()
const redis = program === undefined ? undefined : await startRedis(t, program)

// One worker for all: it takes a second to start.
const app = new URL('worker-app.ts', import.meta.url)
const pool = processPool({ app, workers: 1, arguments: [redis], gracePeriod: 30_000 })
t.teardown(() => pool.close!())

for (const name of names) {
  t.test(name, async t => visitEverywhere(t, await pluginTest(name), { ...pool, close () {} }, redis))
}
