// An upstream of the benchmarks of remote().
import batch from '../dist/index.js'
import build from './remote-app.js'

const app = build()
app.register(batch)
await app.listen({ port: 0, host: '127.0.0.1' })
process.once('disconnect', () => app.close())
process.send({ port: app.server.address().port })
