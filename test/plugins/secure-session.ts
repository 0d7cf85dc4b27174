import secureSession from '@fastify/secure-session'
import type { FastifyRequest } from 'fastify'
import type { PluginTest } from './everywhere.ts'

// The types of @fastify/session are there as well, and have the same name.
interface Session { get (name: string): unknown, set (name: string, value: unknown): void, delete (): void }
const sessionOf = (request: FastifyRequest) => request.session as unknown as Session

export default {
  async app (app) {
    await app.register(secureSession, { key: Buffer.alloc(32, 'k'), cookie: { path: '/', httpOnly: true } })
    app.get('/secure-session', async request => ({ user: sessionOf(request).get('user') ?? null }))
    app.post('/secure-session', async request => {
      sessionOf(request).set('user', 'ada')
      return 'welcome'
    })
    app.delete('/secure-session', async request => {
      sessionOf(request).delete()
      return 'goodbye'
    })
  },

  async visit (t, visitor) {
    const who = { method: 'GET', url: '/secure-session' }
    const seen = async (...methods: string[]) => (
      (await visitor.send(methods.map(method => ({ ...who, method })))).map(({ body }) => body)
    )
    t.strictSame(await seen('GET', 'POST', 'GET'), ['{"user":null}', 'welcome', '{"user":null}'])
    t.strictSame(await seen('GET', 'DELETE'), ['{"user":"ada"}', 'goodbye'], 'what an item began is there in the next batch')
    t.strictSame(await seen('GET'), ['{"user":null}'])
  },

  varying: /session=[^;]+;[^;]+;/
} satisfies PluginTest
