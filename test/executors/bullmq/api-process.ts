// A process with a batch route, which is killed while it waits for an answer. Its options are on the command line.
import Fastify from 'fastify'
import { bullmq } from '../../../lib/bullmq.ts'
import batch from '../../../lib/index.ts'

const { subrequestTimeout, url, ...options } = JSON.parse(process.argv[2]!)
const app = Fastify()
app.register(batch, { executor: bullmq(options), subrequestTimeout })
await app.inject({ method: 'POST', url: '/batch', payload: { batch: [{ method: 'get', url }, { method: 'get', url }] } })
