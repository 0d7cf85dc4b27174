// The server that batches come to. Its subrequests go to the upstreams that are named.
import Fastify from 'fastify'
import batch from '../../dist/index.js'
import { remote } from '../../dist/remote.js'

const [, ...upstream] = process.argv.slice(2)
const app = Fastify()
app.register(batch, { executor: remote({ upstream, connections: 16 }) })
process.once('SIGTERM', () => app.close())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
