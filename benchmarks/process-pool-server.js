// The server of the process pool's benchmarks. The command line names its executor, and says how much to compute.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import batch, { concurrent, processPool } from '../dist/index.js'
import build from './process-pool-app.js'

const [executor, loops] = process.argv.slice(2)
const values = [{ bodyLimit: 2 ** 24 }, Number(loops)]
const app = build(...values)
const url = new URL('process-pool-app.js', import.meta.url)
const executors = {
  'in this process': () => concurrent({ limit: 8, dispatch: 'direct' }),
  'process pool': () => processPool({ app: url, workers: 2, dispatch: 'direct', arguments: values })
}
app.register(batch, { executor: executors[executor](), route: { bodyLimit: 2 ** 24 } })
await app.listen({ port: 0, host: '127.0.0.1' })

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
process.on('message', () => {
  process.send({ p99: delay.percentile(99) / 1e6 })
  delay.reset()
})
process.once('disconnect', () => app.close())
process.send({ port: app.server.address().port })
