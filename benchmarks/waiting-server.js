// The server of the benchmarks that look at waiting: GET /wait/:ms answers after so many milliseconds, with 1 KB.
// Started as a child process. With TLS it speaks HTTP/1.1 and HTTP/2, as servers of web pages do.
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../dist/index.js'

const read = name => readFileSync(new URL(`../test/fixtures/tls/${name}.pem`, import.meta.url))
const tls = { http2: true, https: { allowHTTP1: true, key: read('key'), cert: read('cert') } }

const app = Fastify(process.argv[2] === 'tls' ? tls : {})
const text = 'x'.repeat(1000)
app.get('/wait/:ms', async request => {
  const ms = Number(request.params.ms)
  if (ms > 0) await setTimeout(ms)
  return { text }
})
app.register(batch, { url: '/sequential', executor: sequential(), maxRequests: 1000, maxInFlight: 100_000 })
const limits = { concurrent: 32, 'concurrent-of-8': 8 }
for (const [name, limit] of Object.entries(limits)) {
  app.register(batch, { url: `/${name}`, executor: concurrent({ limit }), maxRequests: 1000, maxInFlight: 100_000 })
}
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.once('disconnect', () => { process.exit() })
