// A worker of the queue's benchmarks.
import { startWorker } from '../dist/bullmq.js'
import build from './process-pool-app.js'

const [port, loops] = process.argv.slice(2).map(Number)
const connection = { host: '127.0.0.1', port }
const worker = await startWorker({
  app: build, arguments: [{}, loops], connection, queue: 'benchmark', dispatch: 'direct'
})
process.once('disconnect', async () => {
  await worker.close()
  process.exit()
})
process.send('ready')
