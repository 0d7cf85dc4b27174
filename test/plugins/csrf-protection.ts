import cookie from '@fastify/cookie'
import csrfProtection from '@fastify/csrf-protection'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(cookie, { secret: 'a secret' })
    await app.register(csrfProtection, { cookieOpts: { signed: true, path: '/', httpOnly: true } })
    app.get('/csrf-protection', async (_request, reply) => reply.generateCsrf())
    app.post('/csrf-protection', { preHandler: app.csrfProtection }, async () => 'posted')
  },

  async visit (t, visitor) {
    const post = { method: 'POST', url: '/csrf-protection' }
    const [token, early] = await visitor.send([{ method: 'GET', url: '/csrf-protection' }, post])
    t.equal(early!.status, 403)
    const answers = await visitor.statuses([
      { ...post, headers: { 'x-csrf-token': token!.body } },
      { ...post, body: { _csrf: token!.body } },
      { ...post, headers: { 'x-csrf-token': 'a guess' } },
      post
    ])
    t.strictSame(answers, [200, 200, 403, 403], 'a token for each item')
  },

  varying: /_csrf=[^;]+|^[\w-]{8}-[\w-]{20,}$/m
} satisfies PluginTest
