// The server that batches come to. Its executor is named on the command line, and the upstreams after it.
import Fastify from 'fastify'
import batch, { concurrent, processPool } from '../dist/index.js'
import { remote } from '../dist/remote.js'
import build from './remote-app.js'

const [name, ...upstream] = process.argv.slice(2)
const executors = {
  'in this process': () => concurrent({ limit: 8 }),
  'process pool': () => processPool({ app: new URL('remote-app.js', import.meta.url), workers: 2 }),
  remote: () => remote({ upstream })
}
const app = name === 'remote' ? Fastify() : build()
app.register(batch, { executor: executors[name]() })
await app.listen({ port: 0, host: '127.0.0.1' })
process.once('disconnect', () => app.close())
process.send({ port: app.server.address().port })
