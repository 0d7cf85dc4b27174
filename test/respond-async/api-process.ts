// A process with a batch route, which is killed. Its options are on the command line.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { bullmq } from '../../lib/bullmq.ts'
import batch from '../../lib/index.ts'

if (process.send !== undefined) {
  const app = Fastify()
  app.register(batch, { executor: bullmq(JSON.parse(process.argv[2]!)), respondAsync: {}, durationHeader: false })
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.send((app.server.address() as AddressInfo).port)
}
