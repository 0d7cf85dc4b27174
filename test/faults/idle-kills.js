import { childrenOf, kill, makeLedger, startServer } from './server-process.js'

/** Workers that are killed when they have nothing to do. */
export async function idleKills ({ times }) {
  const ledger = makeLedger()
  const server = await startServer('processPool', ledger.file)
  let answered = 0
  let sent = 0
  for (let time = 0; time < times; time++) {
    const workers = childrenOf(server.pid)
    if (workers.length > 0) kill(workers[time % workers.length])
    const { batch } = await server.send(Array(4).fill({ method: 'get', url: '/spin?ms=1' }))
    sent += 4
    // One that is not known to be dead may be given something.
    answered += batch.filter(answer => answer.status_code === 200 || answer.outcome === 'unknown').length
  }
  const livedOn = await server.stop()
  ledger.remove()
  return {
    figures: { sent, answered },
    promises: { 'the parent lived on': livedOn, 'every subrequest was answered': answered === sent }
  }
}
