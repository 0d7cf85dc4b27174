// An API, a Redis and two workers, and one batch for them. Start it with `npm run example:fleet`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { startRedis } from './fleet/redis.js'

/** What was started, in the order in which it is to end. */
const processes = []
let stopped

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async (_name, number) => {
    await stop()
    process.exit(128 + number)
  })
}

try {
  const redis = await startRedis()
  processes.push(redis.server)
  const env = { ...process.env, REDIS_PORT: redis.port, PORT: 0 }
  await Promise.all([start('worker.js', env), start('worker.js', env)])
  const origin = await start('api.js', env)
  console.log(`The API is ${origin}, the workers are ${processes.slice(1, 3).map(({ pid }) => pid).join(' and ')}.\n`)
  await sendBatch(origin)
} catch (error) {
  if (stopped === undefined) {
    console.error(error.message)
    process.exitCode = 1
  }
} finally {
  await stop()
}

/** Starts a process, in a group of its own, as Ctrl-C is for this one alone. Gives what it says when it is ready. */
function start (name, env) {
  const child = fork(new URL(`fleet/${name}`, import.meta.url), { env, detached: true })
  processes.unshift(child)
  process.once('exit', () => { child.kill() })
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', () => { reject(new Error(`${name} has ended`)) })
  })
}

async function sendBatch (origin) {
  const items = Array.from({ length: 8 }, (_, index) => ({ method: 'get', url: `/primes/${500_000 + index * 100_000}` }))
  const response = await fetch(`${origin}/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ batch: items })
  })
  const { batch } = await response.json()
  for (const [index, { status_code: status, headers, body }] of batch.entries()) {
    const seconds = headers['batch_requests.duration']
    console.log(`GET ${items[index].url}  →  ${status} from worker ${body.pid} after ${seconds} s: ${body.primes} primes`)
  }
  console.log(`\nAll of it took ${response.headers.get('batch_requests.duration')} s.`)
}

/** Ends one after another: nothing that runs is lost, and Redis is there until nobody needs it. */
function stop () {
  return (stopped ??= (async () => {
    for (const started of processes) {
      if (started.exitCode !== null || started.signalCode !== null) continue
      started.kill('SIGTERM')
      await once(started, 'exit')
    }
  })())
}
