import accepts from '@fastify/accepts'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(accepts)
    app.get('/accepts', async request => {
      const accepted = request.accepts()
      return {
        type: accepted.type(['json', 'html']),
        languages: accepted.languages(['de', 'en']),
        encodings: accepted.encodings(['gzip', 'identity'])
      }
    })
  },

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/accepts' }
    const answers = await visitor.send([
      { ...get, headers: { accept: 'text/html' } },
      { ...get, headers: { accept: 'image/png', 'accept-language': 'en' } }
    ], { 'accept-language': 'de' })
    t.strictSame(answers.map(({ body }) => JSON.parse(body)), [
      { type: 'html', languages: 'de', encodings: 'identity' },
      { type: false, languages: 'en', encodings: 'identity' }
    ])
  }
} satisfies PluginTest
