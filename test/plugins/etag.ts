import etag from '@fastify/etag'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(etag)
    app.get('/etag', async () => ({ a: 1 }))
    app.get('/etag/own', async (_request, reply) => reply.header('etag', '"own"').send('text'))
  },

  async visit (t, visitor) {
    const tag = String((await visitor.get('/etag')).headers.etag)
    const answers = await visitor.send([
      { method: 'GET', url: '/etag', headers: { 'if-none-match': tag } },
      { method: 'GET', url: '/etag', headers: { 'if-none-match': '"another"' } },
      { method: 'GET', url: '/etag/own', headers: { 'if-none-match': '"own"' } },
      { method: 'HEAD', url: '/etag' }
    ])
    t.strictSame(answers.map(({ status, body }) => [status, body]), [[304, ''], [200, '{"a":1}'], [304, ''], [200, '']])
  }
} satisfies PluginTest
