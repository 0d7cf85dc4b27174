import bearerAuth from '@fastify/bearer-auth'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(async context => {
      await context.register(bearerAuth, { keys: new Set(['a-key']), addHook: 'onRequest' })
      context.get('/bearer-auth', async () => 'in')
    })
    app.get('/bearer-auth/open', async () => 'open')
  },

  async visit (t, visitor) {
    const item = { method: 'GET', url: '/bearer-auth' }
    const items = [
      item,
      { ...item, headers: { authorization: 'Bearer another-key' } },
      { ...item, headers: { authorization: 'Bearer a-key' } },
      { method: 'GET', url: '/bearer-auth/open' }
    ]
    t.strictSame(await visitor.statuses(items, { authorization: 'Bearer a-key' }), [200, 401, 200, 200])
    t.strictSame(await visitor.statuses(items), [401, 401, 200, 200])
  }
} satisfies PluginTest
