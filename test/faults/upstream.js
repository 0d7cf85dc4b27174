// An upstream, on a port that is given. What it does that must not be done twice, it writes to the ledger.
import batch from '../../dist/index.js'
import build from './app.js'

const [ledger, port] = process.argv.slice(2)
const app = build({ ledger })
app.register(batch)
await app.listen({ port: Number(port), host: '127.0.0.1' })
process.send({ port: app.server.address().port })
process.channel.unref()
