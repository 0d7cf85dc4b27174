import responseValidation from '@fastify/response-validation'
import type { PluginTest } from './everywhere.ts'

const schema = { response: { 200: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } } }

export default {
  async app (app) {
    await app.register(responseValidation)
    app.get('/response-validation', { schema }, async () => ({ name: 'Ada' }))
    app.get('/response-validation/wrong', { schema }, async () => ({ name: 1 }))
  },

  async visit (t, visitor) {
    const [right, wrong] = await visitor.send([
      { method: 'GET', url: '/response-validation' }, { method: 'GET', url: '/response-validation/wrong' }
    ])
    t.match(right, { status: 200, body: '{"name":"Ada"}' })
    t.match(wrong, { status: 500, body: /response\/name must be string/ })
  }
} satisfies PluginTest
