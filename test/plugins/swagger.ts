import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import batch from '../../lib/index.ts'
import { listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

async function documented (app: FastifyInstance): Promise<void> {
  await app.register(swagger, { openapi: { info: { title: 'books', version: '1' } } })
  app.get('/swagger', { schema: { summary: 'This document' } }, async () => app.swagger())
}

export default {
  async app (app) {
    await documented(app)
    app.get('/swagger/one', async () => app.swagger().paths!['/swagger'])
  },

  async visit (t, visitor) {
    t.match(JSON.parse((await visitor.get('/swagger/one')).body), { get: { summary: 'This document' } })
  },

  async also (t) {
    const app = Fastify()
    t.teardown(() => app.close())
    await documented(app)
    app.register(batch)
    const { batch: [answer] } = await sendBatch(await listen(app), [{ method: 'GET', url: '/swagger' }])
    t.match(JSON.parse(answer!.body).paths['/batch'], { post: { summary: 'Several requests in one' } })
  }
} satisfies PluginTest
