import sensible from '@fastify/sensible'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(sensible)
    app.get('/sensible/teapot', async (_request, reply) => reply.imateapot())
    app.get('/sensible/thrown', async () => { throw app.httpErrors.conflict('there is one') })
    app.get('/sensible/cached', async (_request, reply) => {
      reply.maxAge(60)
      reply.vary('accept')
      return 'text'
    })
    app.post('/sensible/type', async request => ({ is: request.is(['json', 'html']), forwarded: request.forwarded() }))
  },

  async visit (t, visitor) {
    const urls = ['/sensible/teapot', '/sensible/thrown', '/sensible/cached']
    const answers = await visitor.send([
      ...urls.map(url => ({ method: 'GET', url })),
      { method: 'POST', url: '/sensible/type', body: { a: 1 } }
    ], { 'x-forwarded-for': '192.0.2.1' })
    t.strictSame(answers.map(({ status }) => status), [418, 409, 200, 200])
    t.match(answers[2]!.headers, { 'cache-control': 'max-age=60', vary: 'accept' })
    t.strictSame(JSON.parse(answers[3]!.body), { is: 'json', forwarded: ['127.0.0.1', '192.0.2.1'] })
  }
} satisfies PluginTest
