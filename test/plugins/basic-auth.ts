import basicAuth from '@fastify/basic-auth'
import type { PluginTest } from './everywhere.ts'

const encode = (user: string) => `Basic ${Buffer.from(user).toString('base64')}`

export default {
  async app (app) {
    await app.register(basicAuth, {
      authenticate: { realm: 'books' },
      async validate (name, password) {
        if (name !== 'ada' || password !== 'secret') throw new Error('who are you?')
      }
    })
    app.get('/basic-auth', { onRequest: app.basicAuth }, async () => 'in')
  },

  async visit (t, visitor) {
    const item = { method: 'GET', url: '/basic-auth' }
    const items = [item, { ...item, headers: { authorization: encode('ada:guess') } }]
    const known = await visitor.statuses(items, { authorization: encode('ada:secret') })
    t.strictSame(known, [200, 401], 'the credentials of the batch, or those of the item')
    const [unknown] = await visitor.send(items)
    t.equal(unknown!.status, 401)
    t.match(unknown!.headers, { 'www-authenticate': 'Basic realm="books"' })
  }
} satisfies PluginTest
