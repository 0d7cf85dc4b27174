import circuitBreaker from '@fastify/circuit-breaker'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(circuitBreaker, { threshold: 2, resetTimeout: 2000 })
    app.get<{ Querystring: { fail?: string } }>('/circuit-breaker', { preHandler: app.circuitBreaker() }, async ({ query }) => {
      if (query.fail !== undefined) throw new Error('on purpose')
      return 'in'
    })
    app.get('/circuit-breaker/other', { preHandler: app.circuitBreaker() }, async () => 'in')
  },

  async visit (t, visitor) {
    const answers = await visitor.send([
      '/circuit-breaker', '/circuit-breaker?fail', '/circuit-breaker', '/circuit-breaker?fail', '/circuit-breaker?fail',
      '/circuit-breaker', '/circuit-breaker/other'
    ].map(url => ({ method: 'GET', url })))
    t.strictSame(answers.map(({ status }) => status), [200, 500, 200, 500, 503, 503, 200])
    t.match(JSON.parse(answers[5]!.body), { code: 'FST_ERR_CIRCUIT_BREAKER_OPEN' })
    t.strictSame(await visitor.statuses([{ method: 'GET', url: '/circuit-breaker' }]), [503], 'in the next batch as well')
  }
} satisfies PluginTest
