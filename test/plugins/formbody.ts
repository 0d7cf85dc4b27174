import formbody from '@fastify/formbody'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(formbody, { bodyLimit: 100 })
    app.post('/formbody', async ({ body }) => body)
  },

  async visit (t, visitor) {
    const item = { method: 'POST', url: '/formbody', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    const answers = await visitor.send([
      { ...item, body: 'name=Ada+L&tag=a&tag=%C3%A9' }, { ...item, body: '' }, { ...item, body: `a=${'x'.repeat(100)}` }
    ])
    t.strictSame(answers.map(({ status }) => status), [200, 200, 413])
    t.strictSame(JSON.parse(answers[0]!.body), { name: 'Ada L', tag: ['a', '\u00c3\u00a9'] })
  }
} satisfies PluginTest
