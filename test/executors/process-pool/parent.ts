// A process with a pool, for tests that end it. It says where it listens.
import Fastify from 'fastify'
import batch, { processPool } from '../../../lib/index.ts'

const [ledger] = process.argv.slice(2)
const app = Fastify({ pluginTimeout: 100_000 })
app.register(batch, {
  executor: processPool({
    app: new URL('app.ts', import.meta.url), workers: 2, arguments: [{ ledger, logger: true }], gracePeriod: 1000
  })
})
process.once('SIGTERM', () => app.close())
console.log(JSON.stringify({ address: await app.listen({ port: 0, host: '127.0.0.1' }) }))
