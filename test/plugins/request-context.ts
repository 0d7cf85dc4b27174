import { fastifyRequestContext, requestContext } from '@fastify/request-context'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { concurrent } from '../../lib/index.ts'
import { dispatches, latch, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

const name = 'name' as never

async function withContext (app: FastifyInstance, meet: () => Promise<void>): Promise<void> {
  await app.register(fastifyRequestContext)
  app.addHook('onRequest', async ({ headers }) => { requestContext.set(name, headers['x-name'] as never) })
  app.get('/request-context', async () => {
    await meet()
    return { name: requestContext.get(name) }
  })
}

export default {
  app: app => withContext(app, () => new Promise(resolve => { setImmediate(resolve) })),

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/request-context' }
    const answers = await visitor.send(['a', 'b'].map(name => ({ ...get, headers: { 'x-name': name } })))
    t.strictSame(answers.map(({ body }) => JSON.parse(body)), [{ name: 'a' }, { name: 'b' }])
  },

  async also (t) {
    for (const dispatch of dispatches) {
      const app = Fastify()
      t.teardown(() => app.close())
      const names = ['a', 'b', 'c', 'd']
      const all = latch()
      let waiting = 0
      await withContext(app, () => {
        if (++waiting === names.length) all.open()
        return all.promise
      })
      app.addHook('onSend', async (_request, reply) => { reply.header('x-name', requestContext.get(name) ?? 'none') })
      app.register(batch, { executor: concurrent({ limit: names.length, dispatch }) })
      await listen(app)

      const items = names.map(name => ({ method: 'GET', url: '/request-context', headers: { 'x-name': name } }))
      const { batch: answers, headers } = await sendBatch(app, items, { headers: { 'x-name': 'batch' } })
      t.strictSame(answers.map(({ body }) => JSON.parse(body).name), names, 'items at the same time have their own')
      t.strictSame(answers.map(({ headers }) => headers['x-name']), names)
      t.equal(headers['x-name'], 'batch', 'and so has the batch')
    }
  }
} satisfies PluginTest
