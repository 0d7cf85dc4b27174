import cors from '@fastify/cors'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(cors, { origin: ['https://app.example'], credentials: true, methods: ['GET', 'PUT'] })
    app.get('/cors', async () => 'in')
    app.put('/cors', async () => 'put')
  },

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/cors' }
    const preflight = { method: 'OPTIONS', url: '/cors', headers: { 'access-control-request-method': 'PUT' } }
    const items = [get, preflight]
    const [answer, allowed] = await visitor.send(items, { origin: 'https://app.example' })
    const headers = { 'access-control-allow-origin': 'https://app.example', 'access-control-allow-credentials': 'true' }
    t.match(answer, { status: 200, headers })
    t.match(allowed, { status: 204, headers: { ...headers, 'access-control-allow-methods': 'GET, PUT' } })
    for (const origin of ['https://evil.example', 'null']) {
      for (const { headers } of await visitor.send(items, { origin })) {
        t.notOk('access-control-allow-origin' in headers)
      }
    }
    await visitor.send(items)
  }
} satisfies PluginTest
