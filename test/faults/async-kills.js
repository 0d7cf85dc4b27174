import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startRedis } from './redis-process.js'
import { makeLedger } from './server-process.js'

const headers = { authorization: 'me', prefer: 'respond-async', 'content-type': 'application/json' }

const isKnown = kind => /^(200 answered|502 unknown|424 not_started)$/.test(kind)

/**
 * Batches that outlive their connection, while the API process is killed again and again, and all workers once.
 * A client that is not told that its batch was accepted sends it again, with the same key.
 */
export async function asyncKills ({ batches, kills, workers }) {
  const ledger = makeLedger()
  const redis = await startRedis()
  const start = async (program, ...values) => {
    const process = fork(new URL(program, import.meta.url), values.map(String))
    process.ended = once(process, 'exit')
    const [message] = await once(process, 'message')
    return Object.assign(process, { port: message.port })
  }
  const startWorker = () => start('queue-worker.js', redis.port, ledger.file)
  let fleet = await Promise.all(Array.from({ length: workers }, startWorker))
  let api = await start('server.js', 'bullmq', redis.port)
  const counts = { batches, 'sent again': 0, 'API kills': 0, 'worker kills': 0 }
  const accepted = []

  /** Asks until there is an answer of that status: somewhere there is an API process, or will be. */
  async function ask (path, options, status) {
    while (true) {
      try {
        const signal = AbortSignal.timeout(10_000)
        const response = await fetch(`http://127.0.0.1:${api.port}${path}`, { ...options, signal })
        const body = await response.json()
        if (response.status === status) return { response, body }
      } catch {
        counts['sent again']++
      }
      await setTimeout(20)
    }
  }

  async function submit (index) {
    const batch = Array.from({ length: 8 }, (_, item) => item % 2 === 0
      ? { id: `i${item}`, method: 'post', url: '/orders', body: { id: `${index}.${item}` } }
      : { method: 'get', url: '/spin?ms=5', depends_on: [`i${item - 1}`] })
    const own = { ...headers, 'idempotency-key': String(index) }
    const { response } = await ask('/batch', { method: 'POST', headers: own, body: JSON.stringify({ batch }) }, 202)
    accepted.push({ index, path: response.headers.get('location') })
  }

  async function killAgain () {
    for (let time = 1; time <= kills; time++) {
      while (accepted.length < batches * time / (kills + 1)) await setTimeout(5)
      const allWorkers = time === Math.ceil(kills / 2) ? fleet : []
      for (const process of [api, ...allWorkers]) process.kill('SIGKILL')
      counts['API kills']++
      counts['worker kills'] += allWorkers.length
      await Promise.all([api, ...allWorkers].map(process => process.ended))
      if (allWorkers.length > 0) fleet = await Promise.all(fleet.map(startWorker))
      api = await start('server.js', 'bullmq', redis.port)
    }
  }

  async function submitAll (lane, lanes) {
    for (let index = lane; index < batches; index += lanes) await submit(index)
  }

  await Promise.all([killAgain(), ...Array.from({ length: 4 }, (_, lane) => submitAll(lane, 4))])
  const before = performance.now()
  const answers = await Promise.all(accepted.map(async ({ index, path }) => {
    const { body: { batch } } = await ask(path, { headers }, 200)
    return { index, batch }
  }))
  const waited = Math.round(performance.now() - before)
  const items = answers.flatMap(({ batch }) => batch)
  const kinds = {}
  for (const { status_code: status, outcome = 'answered' } of items) {
    const kind = `${status} ${outcome}`
    kinds[kind] = (kinds[kind] ?? 0) + 1
  }

  const lines = ledger.lines().filter(line => line !== 'closed')
  const ran = new Set(lines)
  const orders = answers.flatMap(({ index, batch }) =>
    batch.map((answer, item) => ({ ...answer, id: `${index}.${item}` })).filter((_, item) => item % 2 === 0))
  const look = new Redis(redis.port)
  const unfinished = await look.zcard('bull:faults:batch-unfinished:/batch')
  const tasks = await look.keys('bull:faults:batch-task:*')
  look.disconnect()
  for (const process of [api, ...fleet]) process.kill('SIGKILL')
  await Promise.all([api, ...fleet].map(process => process.ended))
  await redis.stop()
  ledger.remove()
  return {
    figures: { ...counts, ...kinds, 'POST run': lines.length, 'ms from the last 202 to the last answer': waited },
    promises: {
      'every accepted batch was finished and read, with all its answers': items.length === batches * 8,
      'what was sent again was not run again': new Set(accepted.map(({ path }) => path)).size === batches,
      'nothing is unknown but what was running in a killed worker': (kinds['502 unknown'] ?? 0) <= workers * 4,
      'all else was answered by the app, or depends on what was not': Object.keys(kinds).every(isKnown),
      'no POST ran twice': ran.size === lines.length,
      'every POST that was answered 200 ran': orders.every(({ id, status_code: status }) => status !== 200 || ran.has(id)),
      'no POST ran that was answered not_started': !orders.some(({ id, outcome }) => outcome === 'not_started' && ran.has(id)),
      'nothing is unfinished, and no subrequest stayed in Redis': unfinished === 0 && tasks.length === 0
    }
  }
}
