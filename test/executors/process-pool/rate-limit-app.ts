import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'

export default async function build (address: { host: string, port: number }): Promise<FastifyInstance> {
  const app = Fastify()
  const redis = new Redis({ ...address, maxRetriesPerRequest: 1 })
  app.addHook('onClose', async () => { redis.disconnect() })
  app.addHook('onRequest', async (_request, reply) => { reply.header('x-worker', String(process.pid)) })
  await app.register(rateLimit, { global: false, redis })
  app.post('/login', { config: { rateLimit: { max: 5, timeWindow: 60_000 } } }, async () => 'welcome')
  return app
}
