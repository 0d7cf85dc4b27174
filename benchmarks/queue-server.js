// The API process of the queue's benchmarks. Its executor, the port of Redis and how much there is to compute are named
// on the command line.
import { bullmq } from '../dist/bullmq.js'
import batch, { concurrent, processPool } from '../dist/index.js'
import build from './process-pool-app.js'

const [executor, port, loops] = process.argv.slice(2)
const values = [{}, Number(loops)]
const executors = {
  'in this process': () => concurrent({ limit: 8, dispatch: 'direct' }),
  'process pool of 2': () => processPool({
    app: new URL('process-pool-app.js', import.meta.url), arguments: values, workers: 2, dispatch: 'direct'
  }),
  bullmq: () => bullmq({ connection: { host: '127.0.0.1', port: Number(port) }, queue: 'benchmark' })
}
const app = build(...values)
app.register(batch, { executor: executors[executor]() })
await app.listen({ port: 0, host: '127.0.0.1' })
process.once('disconnect', () => app.close())
process.send({ port: app.server.address().port })
