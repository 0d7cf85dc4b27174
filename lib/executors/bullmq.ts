import { isHosted } from '../hosted-app.ts'
import { milliseconds, positiveInteger, type Check } from '../option-checks.ts'
import type { StoringExecutor } from '../storage.ts'
import type { Subrequest } from '../subrequest.ts'
import { QueueClient, type ClientSettings } from './bullmq/client.ts'
import type { QueueConnection } from './bullmq/connection.ts'
import { checkQueueOptions, queueChecks } from './bullmq/queue-options.ts'
import { queueStorage } from './bullmq/storage.ts'

/** The options of `bullmq()`. */
export interface BullmqOptions {
  /** Options of ioredis, or a client of it. Connections of our own are made from them, two for each executor. */
  connection: QueueConnection
  /** The name of the queue. Whoever can write to it can run requests as anybody. */
  queue: string
  /** The prefix of the queue in Redis. Default `'bull'`, as in BullMQ. */
  prefix?: string
  /** How many subrequests of this process are in the queue or run at once: an integer from 1. Default 100. */
  limit?: number
  /**
   * How often an idempotent subrequest may be started, if the workers that run it die: an integer from 1. Default 3.
   * All others are started once.
   */
  attempts?: number
  /** How long Redis may take to accept a subrequest, in milliseconds. Then it is 503. Default 2000. */
  enqueueTimeout?: number
  /** Names the job for dashboards. Default its method and path, without the query. */
  jobName?: (subrequest: Subrequest) => string
}

const checks: Readonly<Record<keyof BullmqOptions, Check>> = {
  ...queueChecks,
  limit: positiveInteger,
  attempts: positiveInteger,
  enqueueTimeout: milliseconds,
  jobName: ['a function', value => typeof value === 'function']
}

/**
 * Runs subrequests in whatever processes have called `startWorker()` for the same queue.
 * @throws InvalidOptionError
 */
export function bullmq (options: BullmqOptions): StoringExecutor {
  const settings = resolveSettings(options)
  const { limit = 100 } = options
  let client: QueueClient | undefined
  let started: Promise<void> | undefined

  return Object.freeze({
    name: 'bullmq',
    perBatch: limit,
    total: limit,
    storage: queueStorage(() => client!),

    async start (app) {
      // The app of a worker may itself have a batch route.
      if (isHosted(app)) return
      client ??= new QueueClient(settings, app.log)
      return (started ??= client.start())
    },

    async execute (subrequest, context) {
      return client!.execute(subrequest, context)
    },

    async close () {
      await client?.close()
    }
  } satisfies StoringExecutor)
}

function resolveSettings (options: BullmqOptions): ClientSettings {
  checkQueueOptions(options, checks, ['connection', 'queue'])
  return {
    connection: options.connection,
    queue: options.queue,
    prefix: options.prefix ?? 'bull',
    attempts: options.attempts ?? 3,
    enqueueTimeout: options.enqueueTimeout ?? 2000,
    jobName: options.jobName ?? nameJob
  }
}

function nameJob ({ method, url }: Subrequest): string {
  return `${method} ${url.split('?', 1)[0]}`
}
