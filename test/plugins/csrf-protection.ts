import cookie from '@fastify/cookie'
import csrfProtection from '@fastify/csrf-protection'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { defaultInheritHeaders } from '../../lib/index.ts'
import { listen } from '../helper.ts'
import { Visitor, type PluginTest } from './everywhere.ts'

async function withProtection (app: FastifyInstance): Promise<void> {
  await app.register(cookie, { secret: 'a secret' })
  await app.register(csrfProtection, { cookieOpts: { signed: true, path: '/', httpOnly: true } })
  app.get('/csrf-protection', async (_request, reply) => reply.generateCsrf())
  app.post('/csrf-protection', { preHandler: app.csrfProtection }, async () => 'posted')
}

export default {
  app: withProtection,

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

  async also (t) {
    const app = Fastify()
    t.teardown(() => app.close())
    await withProtection(app)
    app.register(batch, { inheritHeaders: [...defaultInheritHeaders, 'x-csrf-token'] })
    const visitor = new Visitor('batch', await listen(app), undefined)
    const { body } = await visitor.get('/csrf-protection')
    const post = { method: 'POST', url: '/csrf-protection' }
    t.strictSame(await visitor.statuses([post, post], { 'x-csrf-token': body }), [200, 200], 'a token for the batch')
  },

  varying: /_csrf=[^;]+|^[\w-]{8}-[\w-]{20,}$/m
} satisfies PluginTest
