import auth from '@fastify/auth'
import type { FastifyRequest } from 'fastify'
import type { BatchItem } from '../../lib/index.ts'
import type { PluginTest } from './everywhere.ts'

const asks = (name: string, value: string) => async ({ headers }: FastifyRequest) => {
  if (headers[name] !== value) throw new Error(`no ${name}`)
}

export default {
  async app (app) {
    await app.register(auth)
    const isAda = asks('authorization', 'Bearer ada')
    const hasKey = asks('x-key', '1')
    app.get('/auth/either', { preHandler: app.auth([isAda, hasKey]) }, async () => 'in')
    app.get('/auth/both', { preHandler: app.auth([isAda, hasKey], { relation: 'and' }) }, async () => 'in')
  },

  async visit (t, visitor) {
    const items = ['/auth/either', '/auth/both'].flatMap((url): BatchItem[] => [
      { method: 'GET', url },
      { method: 'GET', url, headers: { 'x-key': '1' } },
      { method: 'GET', url, headers: { authorization: 'Bearer eve' } }
    ])
    t.strictSame(await visitor.statuses(items, { authorization: 'Bearer ada' }), [200, 200, 401, 401, 200, 401])
    t.strictSame(await visitor.statuses(items), [401, 200, 401, 401, 401, 401])
  }
} satisfies PluginTest
