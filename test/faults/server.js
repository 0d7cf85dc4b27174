// The parent, in a process of its own, so that its end would be seen.
import Fastify from 'fastify'
import batch, { processPool } from '../../dist/index.js'

const [ledger] = process.argv.slice(2)
const app = Fastify()
const executor = processPool({ app: new URL('app.js', import.meta.url), workers: 4, concurrency: 2, arguments: [{ ledger }] })
app.register(batch, { executor })
process.once('SIGTERM', () => app.close())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
