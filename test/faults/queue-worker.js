// A worker of the queue, in a process of its own, so that it can be killed.
import { startWorker } from '../../dist/bullmq.js'

const [port, ledger] = process.argv.slice(2)
const worker = await startWorker({
  app: new URL('app.js', import.meta.url),
  arguments: [{ ledger }],
  connection: { host: '127.0.0.1', port: Number(port) },
  queue: 'faults',
  concurrency: 4,
  lockDuration: 1000
})
process.once('SIGTERM', async () => {
  await worker.close()
  process.disconnect()
})
process.send('ready')
