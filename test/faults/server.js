// The server that batches come to, in a process of its own, so that its end would be seen.
import Fastify from 'fastify'
import { bullmq } from '../../dist/bullmq.js'
import batch, { concurrent, processPool, sequential } from '../../dist/index.js'
import { remote } from '../../dist/remote.js'
import build from './app.js'

const executors = {
  sequential: () => sequential(),
  slow: () => sequential(),
  concurrent: () => concurrent({ limit: 32, dispatch: 'direct' }),
  processPool: ledger => processPool({
    app: new URL('app.js', import.meta.url), workers: 4, concurrency: 2, arguments: [{ ledger }]
  }),
  bullmq: port => bullmq({ connection: { host: '127.0.0.1', port: Number(port) }, queue: 'faults' }),
  remote: (...upstream) => remote({ upstream, connections: 16 })
}
const [name, ...values] = process.argv.slice(2)
const executor = executors[name](...values)
const app = executor.inProcess ? build({ ledger: values[0] }) : Fastify()
const maxInFlight = name === 'slow' ? Number(values[0]) : 1000
const respondAsync = 'storage' in executor ? {} : undefined
app.register(batch, { executor, respondAsync, maxInFlight, subrequestTimeout: 20_000 })
process.once('SIGTERM', () => app.close())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
