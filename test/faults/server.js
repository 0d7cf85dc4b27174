// The server that batches come to, in a process of its own, so that its end would be seen.
import Fastify from 'fastify'
import { bullmq } from '../../dist/bullmq.js'
import batch, { concurrent, processPool, sequential } from '../../dist/index.js'
import { remote } from '../../dist/remote.js'
import build from './app.js'

const executors = {
  sequential: () => sequential(),
  concurrent: () => concurrent({ limit: 32, dispatch: 'direct' }),
  processPool: ledger => processPool({
    app: new URL('app.js', import.meta.url), workers: 4, concurrency: 2, arguments: [{ ledger }]
  }),
  bullmq: port => bullmq({ connection: { host: '127.0.0.1', port: Number(port) }, queue: 'faults' }),
  remote: (...upstream) => remote({ upstream, connections: 16 })
}
const [name, ...values] = process.argv.slice(2)
const executor = executors[name](...values)
// What an executor in this process runs belongs to this app.
const [ledger, maxInFlight = 1000] = executor.inProcess ? values : []
const respondAsync = 'storage' in executor ? {} : undefined
const app = executor.inProcess ? build({ ledger }) : Fastify()
app.register(batch, { executor, respondAsync, maxInFlight: Number(maxInFlight), subrequestTimeout: 20_000 })
process.once('SIGTERM', () => app.close())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
