// The app of the server, and of the workers of its pool.
import { setTimeout } from 'node:timers/promises'
import Fastify from 'fastify'

export default function build () {
  const app = Fastify()
  app.get('/small/:id', async ({ params: { id } }) => ({ id }))
  app.post('/echo', async ({ body }) => body)
  app.get('/large', async () => 'x'.repeat(100_000))
  app.get('/wait', async ({ signal }) => {
    await setTimeout(5, undefined, { signal }).catch(() => {})
    return 'x'
  })
  app.get('/cookie', async (_request, reply) => reply.header('set-cookie', 'a=b; Path=/; HttpOnly').send('x'))
  app.get('/throw', async () => { throw new Error('thrown') })
  app.get('/destroy', (_request, reply) => { reply.raw.destroy() })
  return app
}
