// Limits that workers keep together, in a real Redis.
import t from 'tap'
import { listen, sendBatch } from '../../helper.ts'
import { findRedis, startRedis } from '../../fixtures/redis.ts'
import { buildPool } from './pool.ts'

const redis = findRedis()
const skip = redis === undefined && 'SKIPPED: there is no redis-server on PATH'

t.test('of 100 logins in 5 batches at a limit of 5, 5 pass, whichever worker they come to', { skip }, async t => {
  const address = await startRedis(t, redis!)
  const app = new URL('rate-limit-app.ts', import.meta.url)
  const parent = await listen(buildPool(t, { app, workers: 2, arguments: [address] }))

  const login = { method: 'post', url: '/login', body: { password: 'guess' } }
  const batches = Array.from({ length: 5 }, () => sendBatch(parent, Array(20).fill(login), { localAddress: '127.0.0.7' }))
  const answers = (await Promise.all(batches)).flatMap(({ batch }) => batch)
  const refused = answers.filter(answer => answer.status_code === 429)
  t.equal(answers.filter(answer => answer.status_code === 200).length, 5)
  t.equal(refused.length, 95)
  t.equal(new Set(answers.map(answer => answer.headers['x-worker'])).size, 2)
  for (const answer of refused) t.hasProp(answer.headers, 'retry-after')

  const { batch: [other] } = await sendBatch(parent, [login], { localAddress: '127.0.0.8' })
  t.equal(other!.status_code, 200, 'another client has its own')
})
