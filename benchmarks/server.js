// The server under load: small routes, and batch routes over them. As people write one by hand, as tRPC has one, and of
// this plugin. Started by the benchmarks as a child process, on a core of its own.
import { setTimeout } from 'node:timers/promises'
import { initTRPC } from '@trpc/server'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../dist/index.js'
import { serve } from './serve.js'

const level = process.env.LOG_LEVEL
const app = Fastify({
  bodyLimit: 2 ** 24,
  routerOptions: { maxParamLength: 10_000 },
  logger: level !== undefined && { level, file: '/dev/null' }
})

const user = id => ({ id: Number(id), name: 'Ada Lovelace' })
const slowUser = async id => {
  await setTimeout(1)
  return user(id)
}

const schema = { response: { 200: { type: 'object', properties: { id: { type: 'integer' }, name: { type: 'string' } } } } }
app.get('/users/:id', { schema }, async request => user(request.params.id))
app.post('/users', { schema }, async request => user(request.body.id))
app.get('/slow-users/:id', { schema }, async request => slowUser(request.params.id))

app.post('/by-hand', async request => {
  const items = request.body.batch.map(({ body, ...item }) => ({ ...item, payload: body }))
  const answers = await Promise.all(items.map(item => app.inject(item)))
  return {
    batch: answers.map(answer => ({ status_code: answer.statusCode, headers: answer.headers, body: answer.payload }))
  }
})

const t = initTRPC.create()
const input = t.procedure.input(value => value)
const router = t.router({
  user: input.query(async ({ input }) => user(input.id)),
  postUser: input.mutation(async ({ input }) => user(input.id)),
  slowUser: input.query(async ({ input }) => slowUser(input.id))
})
app.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions: { router } })

for (const dispatch of ['inject', 'direct']) {
  for (const make of [sequential, concurrent]) {
    const url = `/${dispatch}/${make.name}`
    app.register(batch, { url, maxRequests: 1000, maxInFlight: 100_000, executor: make({ dispatch }) })
  }
}

// Wide enough for all batches that are sent at once: where handlers wait, that is what counts.
app.register(batch, {
  url: '/direct/wide', maxRequests: 1000, maxInFlight: 100_000, executor: concurrent({ limit: 1000, dispatch: 'direct' })
})

await app.listen({ port: 0, host: '127.0.0.1' })
serve(app.server)
