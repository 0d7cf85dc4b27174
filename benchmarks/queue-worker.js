// A worker of the queue's benchmarks.
import { startWorker } from '../dist/bullmq.js'
import build from './process-pool-app.js'

const connection = { host: '127.0.0.1', port: Number(process.argv[2]) }
const worker = await startWorker({ app: build, connection, queue: 'benchmark', dispatch: 'direct' })
process.once('disconnect', async () => {
  await worker.close()
  process.exit()
})
process.send('ready')
