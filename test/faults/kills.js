import { setTimeout } from 'node:timers/promises'
import { childrenOf, isAlive, kill, makeLedger, startServer } from './server-process.js'

/** Load from many connections, while again and again some worker is killed. */
export async function kills ({ seconds, connections, every }) {
  const ledger = makeLedger()
  const server = await startServer(ledger)
  const end = performance.now() + seconds * 1000
  const answered = new Map()
  const counts = { batches: 0, sent: 0, 200: 0, unknown: 0, other: 0 }
  let hung = 0
  let killed = 0

  async function load (connection) {
    for (let round = 0; performance.now() < end; round++) {
      const items = Array.from({ length: 8 }, (_, index) => index % 2 === 0
        ? { method: 'post', url: '/orders', body: { id: `${connection}.${round}.${index}` } }
        : { method: 'get', url: '/spin?ms=2' })
      counts.batches++
      counts.sent += items.length
      hung++
      const { batch } = await server.send(items)
      hung--
      for (const [index, answer] of batch.entries()) {
        const kind = answer.status_code === 200 ? 200 : answer.status_code === 502 ? answer.outcome : 'other'
        counts[kind]++
        if (index % 2 === 0) answered.set(items[index].body.id, kind)
      }
    }
  }

  async function killWorkers () {
    while (performance.now() < end) {
      await setTimeout(every)
      const workers = childrenOf(server.pid)
      if (workers.length > 0 && kill(workers[Math.floor(Math.random() * workers.length)])) killed++
    }
  }

  await Promise.race([
    Promise.all([killWorkers(), ...Array.from({ length: connections }, (_, connection) => load(connection))]),
    setTimeout(seconds * 1000 + 60_000, undefined, { ref: false })
  ])

  const lines = ledger.lines().filter(line => line !== 'closed')
  const ran = new Set(lines)
  const ids = [...answered.keys()]
  const back = performance.now()
  // Each spins: all are needed for the batch.
  const whoIsThere = Array(8).fill({ method: 'get', url: '/spin?ms=50' })
  let workers = []
  while (workers.length < 4 && performance.now() - back < 10_000) {
    const { batch } = await server.send(whoIsThere)
    workers = [...new Set(batch.filter(answer => answer.status_code === 200).map(answer => Number(answer.body)))]
  }
  const backToSize = Math.round(performance.now() - back)
  const alive = !server.hasExited
  const code = await server.stop()
  ledger.remove()
  return {
    figures: { kills: killed, ...counts, 'hung batches': hung, 'POST run': lines.length, 'ms until back to size': backToSize },
    promises: {
      'a kill in nearly every interval': killed >= seconds * 1000 / every * 0.5,
      'no batch hung': hung === 0,
      'the parent lived on': alive && code === 0,
      'every subrequest was answered once, and none refused': counts[200] + counts.unknown === counts.sent && counts.other === 0,
      'no POST ran twice': ran.size === lines.length,
      'every POST that was answered 200 ran': ids.every(id => answered.get(id) !== 200 || ran.has(id)),
      'the pool came back to size': workers.length === 4,
      'no worker was left': !workers.some(isAlive)
    }
  }
}
