// The server of the soak: a batch route for each executor, and what it says about itself when it is asked.
import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import batch, { channels, concurrent, processPool, sequential } from '../../dist/index.js'
import build from './app.js'

const counts = { batches: 0, batchesEnded: 0, started: 0, settled: 0 }
channels.batch.start.subscribe(() => { counts.batches++ })
channels.batch.asyncEnd.subscribe(() => { counts.batchesEnded++ })
channels.subrequest.start.subscribe(() => { counts.started++ })
channels.subrequest.asyncEnd.subscribe(() => { counts.settled++ })

const app = build()
const executors = {
  sequential: sequential(),
  concurrent: concurrent({ limit: 8 }),
  direct: concurrent({ limit: 8, dispatch: 'direct' }),
  processPool: processPool({ app: new URL('app.js', import.meta.url), workers: 2, concurrency: 4 })
}
// Less than 16 batches may bring: some are refused.
for (const [name, executor] of Object.entries(executors)) app.register(batch, { url: `/${name}`, executor, maxInFlight: 200 })
await app.listen({ port: 0, host: '127.0.0.1' })

const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()
process.on('message', async message => {
  if (message === 'close') {
    await app.close()
    process.disconnect()
    return
  }
  if (message === 'reset') return delay.reset()
  const connections = await new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => { error ? reject(error) : resolve(count) })
  })
  process.send({ ...counts, connections, delay: delay.percentile(99) / 1e6, ...measure() })
})
process.send({ port: app.server.address().port })

/** What must not grow. */
function measure () {
  for (let n = 0; n < 4; n++) globalThis.gc()
  const emitters = [process, app.server, process.stdout, process.stderr]
  return {
    heap: process.memoryUsage().heapUsed,
    handles: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().filter(name => name !== 'Timeout' && name !== 'Immediate').length,
    listeners: emitters
      .flatMap(emitter => emitter.eventNames().map(name => emitter.listenerCount(name)))
      .reduce((sum, count) => sum + count)
  }
}
