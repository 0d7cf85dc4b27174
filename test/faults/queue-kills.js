import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startRedis } from './redis-process.js'
import { makeLedger, startServer } from './server-process.js'

/** Load on a queue, while workers are killed again and again, and Redis is killed and started again twice. */
export async function queueKills ({ seconds, connections, workers, every }) {
  const ledger = makeLedger()
  const redis = await startRedis()
  const server = await startServer(ledger, 'queue-server.js', [String(redis.port)])
  const fleet = new Set()
  await Promise.all(Array.from({ length: workers }, startWorker))
  const end = performance.now() + seconds * 1000
  const answered = new Map()
  const counts = { batches: 0, sent: 0, answered: 0, 200: 0, unknown: 0, not_started: 0, other: 0 }
  let hung = 0
  let killed = 0

  async function startWorker () {
    const worker = fork(new URL('queue-worker.js', import.meta.url), [String(redis.port), ledger.file])
    worker.ended = once(worker, 'exit')
    fleet.add(worker)
    await Promise.race([once(worker, 'message'), worker.ended])
  }

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
      counts.answered += batch.length
      for (const [index, { status_code: status, outcome }] of batch.entries()) {
        const kind = status === 200 ? 200 : outcome ?? 'other'
        counts[kind]++
        if (index % 2 === 0) answered.set(items[index].body.id, kind)
      }
      // Where Redis is away, batches are refused at once.
      if (batch.every(({ outcome }) => outcome === 'not_started')) await setTimeout(20)
    }
  }

  async function killWorkers () {
    while (performance.now() < end) {
      await setTimeout(every)
      const [oldest] = fleet
      fleet.delete(oldest)
      if (oldest.kill('SIGKILL')) killed++
      // At once: the next kill does not wait for it.
      startWorker()
    }
  }

  async function restartRedis () {
    for (let time = 0; time < 2; time++) {
      await setTimeout(seconds * 1000 / 3)
      await redis.restart()
    }
  }

  await Promise.race([
    Promise.all([killWorkers(), restartRedis(), ...Array.from({ length: connections }, (_, index) => load(index))]),
    setTimeout(seconds * 1000 + 60_000, undefined, { ref: false })
  ])

  await startWorker()
  const { batch: [last] } = await server.send([{ method: 'get', url: '/spin?ms=1' }])
  const lines = ledger.lines().filter(line => line !== 'closed')
  const ran = new Set(lines)
  const alive = !server.hasExited
  const code = await server.stop()
  // What was refused while its API process could not say so is forgotten by now, or when a worker looks at it.
  const look = new Redis(redis.port)
  const left = () => look.keys('*:batch-*')
  const forgotten = performance.now() + 25_000
  while ((await left()).length > 0 && performance.now() < forgotten) await setTimeout(100)
  const stays = await left()
  look.disconnect()
  for (const worker of fleet) worker.kill('SIGKILL')
  await Promise.all([...fleet].map(worker => worker.ended))
  await redis.stop()
  ledger.remove()
  const ids = [...answered.keys()]
  return {
    figures: { kills: killed, ...counts, 'hung batches': hung, 'POST run': lines.length },
    promises: {
      'a kill in nearly every interval': killed >= seconds * 1000 / every * 0.5,
      'no batch hung': hung === 0,
      'the API process lived on': alive && code === 0,
      'every subrequest was answered once': counts.answered === counts.sent && counts.other === 0,
      'some were answered by the app': counts[200] > 0,
      'no POST ran twice': ran.size === lines.length,
      'every POST that was answered 200 ran': ids.every(id => answered.get(id) !== 200 || ran.has(id)),
      'no POST ran that was answered not_started': ids.every(id => answered.get(id) !== 'not_started' || !ran.has(id)),
      'afterwards all is as before': last.status_code === 200,
      'nothing of a subrequest stayed in Redis': stays.length === 0
    }
  }
}
