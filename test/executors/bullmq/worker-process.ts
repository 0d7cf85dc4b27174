// A process with a worker. Its options are given on the command line.
import { startWorker } from '../../../lib/bullmq.ts'

const options = JSON.parse(process.argv[2]!)
const app = new URL('../process-pool/app.ts', import.meta.url)
const worker = await startWorker({ app, ...options })
process.once('SIGTERM', async () => {
  await worker.close()
  process.disconnect()
})
process.send!('ready')
