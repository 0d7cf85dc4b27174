// The server that batches come to, in a process of its own, so that its end would be seen.
import Fastify from 'fastify'
import { bullmq } from '../../dist/bullmq.js'
import batch, { processPool } from '../../dist/index.js'
import { remote } from '../../dist/remote.js'

const executors = {
  processPool: ledger => processPool({
    app: new URL('app.js', import.meta.url), workers: 4, concurrency: 2, arguments: [{ ledger }]
  }),
  bullmq: port => bullmq({ connection: { host: '127.0.0.1', port: Number(port) }, queue: 'faults' }),
  remote: (...upstream) => remote({ upstream, connections: 16 })
}
const [name, ...values] = process.argv.slice(2)
const app = Fastify()
const executor = executors[name](...values)
const respondAsync = 'storage' in executor ? {} : undefined
app.register(batch, { executor, respondAsync, subrequestTimeout: 20_000 })
process.once('SIGTERM', () => app.close())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
