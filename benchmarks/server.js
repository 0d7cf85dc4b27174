// The server under load: one small route, a batch route as people write it by hand, and this plugin.
// Started by the benchmarks as a child process, on a core of its own.
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../dist/index.js'

const app = Fastify({ bodyLimit: 2 ** 24 })

const schema = { response: { 200: { type: 'object', properties: { id: { type: 'integer' }, name: { type: 'string' } } } } }
app.get('/users/:id', { schema }, async request => ({ id: Number(request.params.id), name: 'Ada Lovelace' }))

app.post('/by-hand', async request => {
  const answers = await Promise.all(request.body.batch.map(item => app.inject(item)))
  return {
    batch: answers.map(answer => ({ status_code: answer.statusCode, headers: answer.headers, body: answer.payload }))
  }
})

for (const dispatch of ['inject', 'direct']) {
  for (const make of [sequential, concurrent]) {
    const url = `/${dispatch}/${make.name}`
    app.register(batch, { url, maxRequests: 1000, maxInFlight: 100_000, executor: make({ dispatch }) })
  }
}

await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })

process.on('message', () => { process.send({ cpu: process.cpuUsage() }) })
process.once('disconnect', () => { process.exit() })
