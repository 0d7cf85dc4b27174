import { judge, load } from './load.js'
import { childrenOf, isAlive, kill, makeLedger, startServer } from './server-process.js'

/** Load on a process pool, while again and again some worker is killed. */
export async function kills (settings) {
  const ledger = makeLedger()
  const server = await startServer('processPool', ledger.file)
  const loaded = await load(server, settings, () => {
    const workers = childrenOf(server.pid)
    return workers.length > 0 && kill(workers[Math.floor(Math.random() * workers.length)])
  })

  const back = performance.now()
  // Each spins: all are needed for the batch.
  const whoIsThere = Array(8).fill({ method: 'get', url: '/spin?ms=50' })
  let workers = []
  while (workers.length < 4 && performance.now() - back < 10_000) {
    const { batch } = await server.send(whoIsThere)
    workers = [...new Set(batch.filter(answer => answer.status_code === 200).map(answer => Number(answer.body)))]
  }
  const backToSize = Math.round(performance.now() - back)
  const livedOn = await server.stop()
  const { figures, promises } = judge(loaded, ledger)
  ledger.remove()
  return {
    figures: { ...figures, 'ms until back to size': backToSize },
    promises: {
      ...promises,
      'none was refused, or out of time': Object.keys(loaded.kinds).every(kind => kind === '200' || kind === '502 unknown'),
      'the parent lived on': livedOn,
      'the pool came back to size': workers.length === 4,
      'no worker was left': !workers.some(isAlive)
    }
  }
}
