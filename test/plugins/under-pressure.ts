import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import batch, { sequential } from '../../lib/index.ts'
import { dispatches, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

const unhealthy = { healthCheck: async () => false, healthCheckInterval: 60_000 }

export default {
  async app (app) {
    await app.register(async context => {
      await context.register(underPressure, { ...unhealthy, retryAfter: 7 })
      context.get('/under-pressure', async () => 'in')
    })
    await app.register(async context => {
      await context.register(underPressure, { maxRssBytes: 2 ** 50 })
      context.get('/under-pressure/none', async () => 'in')
    })
  },

  async visit (t, visitor) {
    const [refused, served] = await visitor.send([
      { method: 'GET', url: '/under-pressure' }, { method: 'GET', url: '/under-pressure/none' }
    ])
    t.match(refused, { status: 503, headers: { 'retry-after': '7' }, body: /FST_UNDER_PRESSURE/ })
    t.equal(served!.status, 200)
  },

  async also (t) {
    for (const dispatch of dispatches) {
      const app = Fastify()
      t.teardown(() => app.close())
      let isUnderPressure = false
      await app.register(underPressure, { healthCheckInterval: 1, healthCheck: async () => !isUnderPressure })
      app.register(batch, { executor: sequential({ dispatch }) })
      let served = 0
      app.get('/under-pressure', async () => {
        served++
        isUnderPressure = true
        while (!app.isUnderPressure()) await new Promise(resolve => { setImmediate(resolve) })
        return 'in'
      })
      await listen(app)
      const item = { method: 'GET', url: '/under-pressure' }
      const { batch: answers } = await sendBatch(app, [item, item, item])
      t.strictSame(answers.map(answer => answer.status_code), [200, 503, 503], 'what has not started is refused')
      t.equal((await sendBatch(app, [item])).status, 503, 'on the root, so are batches')
      t.equal(served, 1)
    }
  }
} satisfies PluginTest
