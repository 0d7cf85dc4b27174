import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    const upstream = Fastify()
    app.addHook('onClose', async () => upstream.close())
    upstream.route({
      method: ['GET', 'POST'],
      url: '/echo',
      handler: async ({ method, url, body, headers: { authorization, 'x-custom': custom } }, reply) => (
        reply.code(202).header('x-upstream', 'yes').send({ method, url, body, authorization, custom })
      )
    })
    upstream.get('/bytes', async () => Buffer.alloc(100_000, 0xff))
    await app.register(httpProxy, { upstream: await upstream.listen({ port: 0, host: '127.0.0.1' }), prefix: '/http-proxy' })
    // Nobody listens there.
    await app.register(httpProxy, { upstream: 'http://127.0.0.1:1', prefix: '/http-proxy-to-nowhere' })
  },

  async visit (t, visitor) {
    const answers = await visitor.send([
      { method: 'GET', url: '/http-proxy/echo?a=b', headers: { 'x-custom': 'c' } },
      { method: 'POST', url: '/http-proxy/echo', body: { a: 1 } },
      { method: 'GET', url: '/http-proxy/bytes' },
      { method: 'GET', url: '/http-proxy/nothing' },
      { method: 'GET', url: '/http-proxy-to-nowhere/' }
    ], { authorization: 'Bearer ada' })
    t.strictSame(answers.map(({ status }) => status), [202, 202, 200, 404, 500])
    t.match(answers[0]!.headers, { 'x-upstream': 'yes' })
    t.strictSame(JSON.parse(answers[0]!.body), { method: 'GET', url: '/echo?a=b', authorization: 'Bearer ada', custom: 'c' })
    t.match(JSON.parse(answers[1]!.body), { body: { a: 1 } })
    t.equal(answers[2]!.body, '\xff'.repeat(100_000))
  }
} satisfies PluginTest
