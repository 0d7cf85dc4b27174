// The app of the workers. What it does that must not be done twice, it writes to a ledger.
import { appendFileSync } from 'node:fs'
import Fastify from 'fastify'

export default function build ({ ledger }) {
  const app = Fastify()
  app.get('/spin', async ({ query }) => {
    const end = performance.now() + Number(query.ms)
    while (performance.now() < end);
    return process.pid
  })
  app.get('/large', async ({ query }) => 'x'.repeat(query.bytes))
  app.post('/orders', async ({ body }) => {
    appendFileSync(ledger, `${body.id}\n`)
    await new Promise(resolve => { setTimeout(resolve, 2) })
    return body.id
  })
  app.addHook('onClose', async () => { appendFileSync(ledger, 'closed\n') })
  return app
}
