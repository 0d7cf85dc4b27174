import Fastify from 'fastify'
import batch, { processPool } from '../../dist/index.js'
import { childrenOf, makeLedger } from './server-process.js'

/** Apps that close in the middle of a batch. */
export async function closes ({ times }) {
  const ledger = makeLedger()
  let answered = 0
  let left = 0
  let lost = 0
  for (let time = 0; time < times; time++) {
    const app = Fastify()
    const executor = processPool({ app: new URL('app.js', import.meta.url), workers: 2, arguments: [{ ledger: ledger.file }] })
    app.register(batch, { executor })
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const headers = { 'content-type': 'application/json' }
    const items = Array(10).fill({ method: 'get', url: '/spin?ms=5' })
    const sent = fetch(`${origin}/batch`, { method: 'POST', headers, body: JSON.stringify({ batch: items }) })
    const reached = new Promise(resolve => { app.server.once('request', resolve) })
    await reached
    await new Promise(resolve => { setTimeout(resolve, Math.random() * 20) })
    const [response] = await Promise.all([sent, app.close()])
    const statuses = (await response.json()).batch.map(answer => answer.status_code)
    answered += statuses.filter(status => status === 200).length
    left += statuses.filter(status => status === 503).length
    lost += 10 - statuses.filter(status => status === 200 || status === 503).length
  }
  const closed = ledger.lines().filter(line => line === 'closed').length
  ledger.remove()
  return {
    figures: { answered, 'not started': left },
    promises: {
      'every subrequest was answered, or not started': lost === 0,
      'every worker closed its app': closed === 2 * times,
      'no worker was left': childrenOf(process.pid).length === 0
    }
  }
}
