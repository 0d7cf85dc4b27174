import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import process from 'node:process'
import { Worker, type MetricsOptions } from 'bullmq'
import type { Redis } from 'ioredis'
import { createApp, hostApp, moduleUrl, type AppFactory, type AppSource } from '../../hosted-app.ts'
import { milliseconds, oneOf, positiveInteger, type Check } from '../../option-checks.ts'
import { closeConnection, logOutages, openConnection, type QueueConnection } from './connection.ts'
import { Deliveries } from './deliveries.ts'
import { keysOf } from './keys.ts'
import { checkQueueOptions, queueChecks } from './queue-options.ts'
import { Subscriber } from './subscriber.ts'

/** The options of `startWorker()`. */
export interface StartWorkerOptions {
  /**
   * The app: a function that gives a Fastify instance or a promise of one, or the `file:` URL or the path of a module
   * whose default export is such a function.
   */
  app: URL | string | AppFactory
  /** The export of that module to be called instead. Default `'default'`. */
  exportName?: string
  /** What it is called with. Default nothing. */
  arguments?: readonly unknown[]
  /** Options of ioredis, or a client of it. Connections of our own are made from them, three for each worker. */
  connection: QueueConnection
  /** The name of the queue. */
  queue: string
  /** The prefix of the queue in Redis. Default `'bull'`, as in BullMQ. */
  prefix?: string
  /** How many subrequests run here at once: an integer from 1. Default 1, which suits handlers that compute. */
  concurrency?: number
  /** How a subrequest is handed to the app. Default `'inject'`. */
  dispatch?: 'inject' | 'direct'
  /**
   * How long a worker may not be heard of before others take it for dead, in milliseconds. Default 10 000. Longer than
   * any handler keeps the event loop for itself.
   */
  lockDuration?: number
  /** How long what runs may go on when the worker closes, in milliseconds. Then it is aborted. Default 30 000. */
  gracePeriod?: number
  /** Metrics of BullMQ, such as `{ maxDataPoints: MetricsTime.ONE_WEEK }`. Default none. */
  metrics?: MetricsOptions
}

/** A process that takes subrequests out of a queue. */
export interface BatchWorker {
  /** Takes no more subrequests, finishes those that it has, and closes the app. */
  close (): Promise<void>
}

const checks: Readonly<Record<keyof StartWorkerOptions, Check>> = {
  ...queueChecks,
  app: ['a function, or the URL or path of a module', isApp],
  exportName: ['a string', value => typeof value === 'string'],
  arguments: ['an array', value => Array.isArray(value)],
  concurrency: positiveInteger,
  dispatch: oneOf('inject', 'direct'),
  lockDuration: milliseconds,
  gracePeriod: milliseconds,
  metrics: ['an object', value => typeof value === 'object' && value !== null]
}

// Milliseconds that what was aborted has for its answers.
const lastWords = 1000

// Milliseconds before BullMQ asks for jobs again, when Redis was away.
const retryPause = 250

/**
 * Boots an app and runs the subrequests of a queue in it. Resolves when it is ready for them. If it rejects, the app is
 * closed.
 * @throws InvalidOptionError, what the app throws, or what keeps Redis from being reached
 */
export async function startWorker (options: StartWorkerOptions): Promise<BatchWorker> {
  checkQueueOptions(options, checks, ['app', 'connection', 'queue'])
  const { connection, queue, prefix = 'bull', concurrency = 1, lockDuration = 10_000, metrics } = options
  const { gracePeriod = 30_000, dispatch = 'inject' } = options
  const app = await createApp(sourceOf(options))
  const host = await hostApp(app, dispatch).catch(async error => {
    // What keeps it from closing as well, says less.
    await app.close().catch(() => {})
    throw error
  })
  const id = randomBytes(8).toString('hex')
  const closing = new AbortController()
  // Not lazy: what connects by itself, and what BullMQ makes of it, does not fail with the first attempt.
  const [commands, subscriber] = Array.from({ length: 2 }, () =>
    openConnection(connection, closing.signal, { lazyConnect: false, maxRetriesPerRequest: null })) as [Redis, Redis]
  const keys = keysOf(prefix, queue)
  for (const redis of [commands, subscriber]) logOutages(redis, app.log)

  const deliveries = new Deliveries(host, commands, keys, id)
  let worker: Worker | undefined
  let closed: Promise<void> | undefined
  try {
    await new Subscriber(subscriber).listen(keys.aborts(id), task => { deliveries.abort(task) })
    worker = new Worker(queue, async job => { await deliveries.deliver(job.id!) }, {
      connection: commands,
      prefix,
      concurrency,
      metrics,
      name: `${hostname()}:${process.pid}`,
      lockDuration,
      stalledInterval: Math.ceil(lockDuration / 2),
      // Whether a task may be started again is the task's own.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      runRetryDelay: retryPause
    })
    worker.on('error', ({ message }) => { app.log.warn(`the queue: ${message}`) })
    await worker.waitUntilReady()
  } catch (error) {
    await leave()
    throw error
  }
  return { close: () => (closed ??= close(worker)) }

  async function close (worker: Worker): Promise<void> {
    let timer: NodeJS.Timeout
    const late = new Promise<void>(resolve => {
      timer = setTimeout(() => {
        timer = setTimeout(resolve, lastWords)
        deliveries.stop().catch(() => {})
      }, gracePeriod)
    })
    // BullMQ (6.7.0) can end in peace only while all its connections are there. For one on its way back it would
    // wait for ever, could not be forced any more, and would connect it again later.
    await Promise.race([allReady(worker).then(() => worker.close()), late])
    clearTimeout(timer!)
    await leave()
  }

  /** Keeps no connection, whatever still runs, and closes the app. */
  async function leave (): Promise<void> {
    closing.abort()
    worker?.close(true)
    for (const redis of [commands, subscriber]) closeConnection(redis)
    await app.close()
  }

  /** Resolves when every connection that BullMQ has is there, at the same time. */
  async function allReady (worker: Worker): Promise<void> {
    const connections = [commands, (await worker.getBackend().blockingClient)!]
    let away
    while ((away = connections.find(({ status }) => status !== 'ready')) !== undefined) {
      await new Promise<void>(resolve => { away!.once('ready', resolve) })
    }
  }
}

function sourceOf ({ app, exportName = 'default', arguments: values = [] }: StartWorkerOptions): AppSource {
  return { app: typeof app === 'function' ? app : moduleUrl(app), exportName, arguments: values }
}

function isApp (value: unknown): boolean {
  return value instanceof URL || typeof value === 'function' || (typeof value === 'string' && value !== '')
}
