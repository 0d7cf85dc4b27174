import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(cookie)
    await app.register(jwt, { secret: 'a secret', cookie: { cookieName: 'token', signed: false } })
    app.post('/jwt', async (_request, reply) => {
      const token = await reply.jwtSign({ name: 'ada', iat: 1 })
      return reply.setCookie('token', token, { path: '/jwt', httpOnly: true }).send(token)
    })
    app.get('/jwt', async request => request.jwtVerify())
  },

  async visit (t, visitor) {
    const who = { method: 'GET', url: '/jwt' }
    const [nobody, login] = await visitor.send([who, { method: 'POST', url: '/jwt' }])
    t.equal(nobody!.status, 401)
    const authorization = `Bearer ${login!.body}`
    t.equal((await visitor.get('/jwt')).status, 200, 'by the cookie')
    const answers = await visitor.send([
      who,
      { ...who, headers: { authorization: 'Bearer of.bad.news' } },
      { ...who, headers: { authorization: `${authorization}x` } },
      who
    ], { authorization })
    t.strictSame(answers.map(({ status }) => status), [200, 401, 401, 200])
    t.strictSame(JSON.parse(answers[0]!.body), { name: 'ada', iat: 1 })
  }
} satisfies PluginTest
