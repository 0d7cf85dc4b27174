import caching from '@fastify/caching'
import Fastify, { type FastifyInstance } from 'fastify'
import batch from '../../lib/index.ts'
import { listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

async function cached (app: FastifyInstance): Promise<void> {
  await app.register(caching, { privacy: caching.privacy.PUBLIC, expiresIn: 300 })
  app.get('/caching', async (_request, reply) => reply.etag('"tag"', 60_000).expires(new Date(0)).send('text'))
}

export default {
  app: cached,

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/caching' }
    const known = { ...get, headers: { 'if-none-match': '"tag"' } }
    const answers = await visitor.send([known, get, known])
    t.strictSame(answers.map(({ status }) => status), [200, 200, 304])
    t.match(answers[0]!.headers, { 'cache-control': 'public, max-age=300', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' })
  },

  async also (t) {
    const app = Fastify()
    t.teardown(() => app.close())
    await cached(app)
    app.register(batch)
    const { headers } = await sendBatch(await listen(app), [{ method: 'GET', url: '/caching' }])
    t.equal(headers['cache-control'], 'no-store', 'the answer of a batch is not stored')
  }
} satisfies PluginTest
