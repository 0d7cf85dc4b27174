import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { judge, load } from './load.js'
import { startRedis } from './redis-process.js'
import { makeLedger, startServer } from './server-process.js'

/** Load on a queue, while workers are killed again and again, and Redis is killed and started again twice. */
export async function queueKills ({ workers, ...settings }) {
  const ledger = makeLedger()
  const redis = await startRedis()
  const server = await startServer('bullmq', redis.port)
  const fleet = new Set()
  await Promise.all(Array.from({ length: workers }, startWorker))
  const [loaded] = await Promise.all([load(server, settings, replaceOldest), restartRedis()])

  async function startWorker () {
    const worker = fork(new URL('queue-worker.js', import.meta.url), [String(redis.port), ledger.file])
    worker.ended = once(worker, 'exit')
    fleet.add(worker)
    await Promise.race([once(worker, 'message'), worker.ended])
  }

  function replaceOldest () {
    const [oldest] = fleet
    fleet.delete(oldest)
    // At once: the next kill does not wait for it.
    startWorker()
    return oldest.kill('SIGKILL')
  }

  async function restartRedis () {
    for (let time = 0; time < 2; time++) {
      await setTimeout(settings.seconds * 1000 / 3)
      await redis.restart()
    }
  }

  await startWorker()
  const { batch: [last] } = await server.send([{ method: 'get', url: '/spin?ms=1' }])
  const livedOn = await server.stop()
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
  const { figures, promises } = judge(loaded, ledger)
  ledger.remove()
  return {
    figures,
    promises: {
      ...promises,
      'the API process lived on': livedOn,
      'afterwards all is as before': last.status_code === 200,
      'nothing of a subrequest stayed in Redis': stays.length === 0
    }
  }
}
