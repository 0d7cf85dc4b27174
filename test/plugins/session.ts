import cookie from '@fastify/cookie'
import session from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import batch from '../../lib/index.ts'
import { listen, request, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

const defaults = { secret: 'x'.repeat(32), cookie: { secure: false } }

// The types of @fastify/secure-session are there as well, and have the same name.
interface Session {
  get (name: string): unknown
  set (name: string, value: unknown): void
  regenerate (): Promise<void>
  destroy (): Promise<void>
}
const sessionOf = (request: FastifyRequest) => request.session as unknown as Session

export default {
  async app (app) {
    await app.register(cookie)
    // The batch request has the session, too, and would save what it had, over what the items have done.
    await app.register(session, { ...defaults, rolling: false, saveUninitialized: false })
    addRoutes(app)
  },

  async visit (t, visitor) {
    const who = { method: 'GET', url: '/session' }
    const seen = async (...items: Array<{ method: string, url: string }>) => (
      (await visitor.send(items)).map(({ body }) => body)
    )
    t.strictSame(await seen(who, { ...who, method: 'POST' }, who), ['{"user":null}', 'welcome', '{"user":null}'])
    t.strictSame(await seen(who), ['{"user":"ada"}'], 'what an item began is there in the next batch')
    t.strictSame(await seen({ ...who, method: 'POST' }), ['welcome'], 'renewed')
    t.strictSame(await seen(who, { ...who, method: 'DELETE' }, who), ['{"user":"ada"}', 'goodbye', '{"user":null}'])
    t.strictSame(await seen(who), ['{"user":null}'])
  },

  varying: /sessionId=[^;]+/,

  async also (t) {
    const login = { method: 'POST', url: '/session' }
    const logout = { method: 'DELETE', url: '/session' }
    // With its defaults, the plugin saves the session of each request when it ends. The batch request ends last.
    for (const { place, user, setCookies } of [
      { place: 'on the root', user: 'ada', setCookies: 2 },
      { place: 'with its routes', user: null, setCookies: 1 }
    ]) {
      const app = Fastify()
      t.teardown(() => app.close())
      const register = async (context: FastifyInstance) => {
        await context.register(cookie)
        await context.register(session, defaults)
        addRoutes(context)
      }
      if (place === 'on the root') await register(app)
      else app.register(async context => register(context))
      app.register(batch)
      await listen(app)

      const { headers: { 'set-cookie': cookies } } = await sendBatch(app, [login])
      t.equal(cookies!.length, setCookies, `registered ${place}`)
      const headers = { cookie: cookies![0]!.split(';', 1)[0] }
      await sendBatch(app, [logout], { headers })
      const answer = await request(app, { path: '/session', headers })
      t.strictSame(JSON.parse(answer.body.toString()), { user })
    }
  }
} satisfies PluginTest

function addRoutes (app: FastifyInstance): void {
  app.get('/session', async request => ({ user: sessionOf(request).get('user') ?? null }))
  app.post('/session', async request => {
    await sessionOf(request).regenerate()
    sessionOf(request).set('user', 'ada')
    return 'welcome'
  })
  app.delete('/session', async request => {
    await sessionOf(request).destroy()
    return 'goodbye'
  })
}
