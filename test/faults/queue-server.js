// The API process, in a process of its own, so that its end would be seen.
import Fastify from 'fastify'
import { bullmq } from '../../dist/bullmq.js'
import batch from '../../dist/index.js'

const [port] = process.argv.slice(2)
const app = Fastify()
const executor = bullmq({ connection: { host: '127.0.0.1', port: Number(port) }, queue: 'faults' })
app.register(batch, { executor, subrequestTimeout: 20_000 })
process.once('SIGTERM', () => app.close())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
