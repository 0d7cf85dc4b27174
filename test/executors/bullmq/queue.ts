// What the tests of the queue have in common.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { bullmq, startWorker, type BullmqOptions, type StartWorkerOptions } from '../../../lib/bullmq.ts'
import batch, { type BatchOptions } from '../../../lib/index.ts'
import { findRedis, startDurableRedis, startRedis, type DurableRedis, type RedisAddress } from '../../fixtures/redis.ts'
import { latch, type Teardown } from '../../helper.ts'
import build, { type AppOptions } from '../process-pool/app.ts'

export { answers, get, isAlive, makeLedger, started } from '../process-pool/pool.ts'

const redis = findRedis()

/** To be given to tests that need a Redis server. */
export const skip = redis === undefined && 'SKIPPED: there is no redis-server on PATH'

/** Starts a Redis server for a whole file, which is skipped where there is none. */
export async function startOnly (): Promise<{ t: Test, connection?: RedisAddress }> {
  if (redis !== undefined) return { t, connection: await startRedis(t, redis) }
  t.test('a queue', { skip }, async () => {})
  return { t }
}

/** Starts a Redis server for one test. */
export function startServer (t: Teardown): Promise<DurableRedis> {
  return startDurableRedis(t, redis!)
}

export const queue = 'batches'

/** Makes an app with a batch route whose subrequests go into the queue. */
export function buildApi (
  t: Teardown, bullmqOptions: Omit<BullmqOptions, 'queue'> & { queue?: string }, options: BatchOptions = {},
  server: FastifyServerOptions = {}
): FastifyInstance {
  const app = Fastify({ pluginTimeout: 100_000, ...server })
  app.register(batch, { executor: bullmq({ queue, ...bullmqOptions }), durationHeader: false, ...options })
  t.teardown(() => app.close())
  return app
}

type WorkerOptions = Partial<StartWorkerOptions> & Pick<StartWorkerOptions, 'connection'>

/** Starts a worker in this process. */
export async function startHere (t: Teardown, options: WorkerOptions) {
  const worker = await startWorker({ app: build, queue, ...options })
  t.teardown(() => worker.close())
  return worker
}

/** An app with a route that waits until it is let go, and says what becomes of it. */
export function waitingApp () {
  const reached = latch()
  const aborted = latch()
  const go = latch()
  const events: string[] = []
  const build = () => {
    const app = Fastify()
    app.all('/wait', async ({ signal }: FastifyRequest) => {
      events.push('started')
      signal.addEventListener('abort', () => {
        events.push('aborted')
        aborted.open()
      })
      reached.open()
      await go.promise
      return 'waited'
    })
    app.get('/', async () => 'works')
    app.addHook('onClose', async () => { events.push('closed') })
    return app
  }
  return { build, reached: reached.promise, aborted: aborted.promise, go: go.open, events }
}

/** Starts a worker in a process of its own. */
export async function startProcess (t: Teardown, options: WorkerOptions & { appOptions?: AppOptions }) {
  const { appOptions = {}, ...rest } = options
  const program = fileURLToPath(new URL('worker-process.ts', import.meta.url))
  const child = fork(program, [JSON.stringify({ queue, arguments: [appOptions], ...rest })])
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await once(child, 'message')
  return {
    pid: child.pid!,
    kill (signal: NodeJS.Signals = 'SIGKILL') { child.kill(signal) },
    ended: ended as Promise<[code: number | null, signal: string | null]>
  }
}

/** A connection for looking into Redis. */
export function lookInto (t: Teardown, connection: RedisAddress): Redis {
  const redis = new Redis(connection)
  // In some tests it goes away.
  redis.on('error', () => {})
  t.teardown(() => { redis.disconnect() })
  return redis
}

/** All that is in Redis but what BullMQ always has of a queue: its settings, counters and markers. */
export async function leftovers (redis: Redis): Promise<string[]> {
  const always = /:(id|meta|marker|stalled-check|events)$/
  return (await redis.keys('*')).filter(key => !always.test(key)).sort()
}

/** Resolves when something has come true that nobody tells us of. */
export async function until (isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await delay(10)
}
