import view from '@fastify/view'
import { Eta } from 'eta'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(view, { engine: { eta: new Eta() } })
    app.get<{ Querystring: { name: string } }>('/view', async ({ query }, reply) => (
      reply.view({ raw: '<p>Hello <%= it.name %></p>' } as never, query)
    ))
    app.get('/view/broken', async (_request, reply) => reply.view({ raw: '<%= it.a.b %>' } as never, {}))
  },

  async visit (t, visitor) {
    const [page, broken] = await visitor.send([
      { method: 'GET', url: '/view?name=%3CAda%3E' }, { method: 'GET', url: '/view/broken' }
    ])
    t.match(page, { status: 200, headers: { 'content-type': /^text\/html/ }, body: '<p>Hello &lt;Ada&gt;</p>' })
    t.equal(broken!.status, 500)
  }
} satisfies PluginTest
