// One worker. Start as many as you like, on any machine that reaches Redis.
import { startWorker } from 'fastify-batch-requests/bullmq'
import build, { connection, queue } from './app.js'

const worker = await startWorker({ app: build, connection, queue })
process.once('SIGTERM', async () => {
  await worker.close()
  process.exit()
})
process.send?.('ready')
