import cookie from '@fastify/cookie'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(cookie, { secret: 'a secret' })
    app.get('/cookie', async request => ({
      plain: request.cookies.plain, signed: request.unsignCookie(request.cookies.signed ?? '')
    }))
    app.post('/cookie', async (_request, reply) => {
      reply.setCookie('plain', 'a b', { httpOnly: true }).setCookie('signed', 'yes', { path: '/', signed: true })
      return 'set'
    })
    app.delete('/cookie', async (_request, reply) => reply.clearCookie('plain').send('cleared'))
  },

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/cookie' }
    const none = { signed: { valid: false, renew: false, value: null } }
    const before = await visitor.send([get, { method: 'POST', url: '/cookie' }, get])
    t.strictSame(JSON.parse(before[0]!.body), none)
    t.strictSame(JSON.parse(before[2]!.body), none, 'an item has the cookies that the batch came with')
    const [during] = await visitor.send([get, { method: 'DELETE', url: '/cookie' }])
    const signed = { valid: true, renew: false, value: 'yes' }
    t.strictSame(JSON.parse(during!.body), { plain: 'a b', signed })
    t.strictSame(JSON.parse((await visitor.get('/cookie')).body), { signed })
  }
} satisfies PluginTest
