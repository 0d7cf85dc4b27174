import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Queue } from 'bullmq'
import type { FastifyBaseLogger, FastifyError } from 'fastify'
import type { Redis } from 'ioredis'
import { QueueLostError, QueueTimeoutError, QueueUnavailableError } from '../../errors.ts'
import type { ExecutionContext } from '../../executor.ts'
import type { Subrequest } from '../../subrequest.ts'
import type { Subresponse } from '../../subresponse.ts'
import { Answers } from './answers.ts'
import { logOutages, openConnection, type QueueConnection } from './connection.ts'
import { keysOf, taskId, type Keys } from './keys.ts'
import { writeTask } from './message.ts'
import { abortTask, grace, storeTask, withdrawTask } from './scripts.ts'

export interface ClientSettings {
  readonly connection: QueueConnection
  readonly queue: string
  readonly prefix: string
  /** How often an idempotent subrequest may be started. */
  readonly attempts: number
  /** Milliseconds. */
  readonly enqueueTimeout: number
  readonly jobName: (subrequest: Subrequest) => string
}

// RFC 9110 section 9.2.2: to run them twice has the effect of running them once.
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

// Milliseconds between two looks for answers whose announcement got lost with a connection.
const lookInterval = 1000

// Milliseconds before a command that failed is sent again.
const retryPause = 100

/** The way of one API process to the queue, and of the answers back. */
export class QueueClient {
  readonly #settings: ClientSettings
  readonly #id = randomBytes(8).toString('hex')
  readonly #keys: Keys
  readonly #commands: Redis
  readonly #subscriber: Redis
  readonly #answers: Answers
  readonly #closing = new AbortController()
  #queue: Queue | undefined
  #count = 0
  #looking: NodeJS.Timeout | undefined

  constructor (settings: ClientSettings, log: FastifyBaseLogger) {
    this.#settings = settings
    this.#keys = keysOf(settings.prefix, settings.queue)
    // What fails, fails at once: nothing may be sent later that was answered meanwhile.
    const options = { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }
    this.#commands = openConnection(settings.connection, this.#closing.signal, options)
    this.#subscriber = openConnection(settings.connection, this.#closing.signal, {})
    for (const redis of [this.#commands, this.#subscriber]) logOutages(redis, log)
    this.#answers = new Answers(this.#commands, this.#keys.answers(this.#id))
  }

  /**
   * Connects.
   * @throws QueueUnavailableError
   */
  async start (): Promise<void> {
    const { queue, prefix } = this.#settings
    try {
      await Promise.all([this.#commands.connect(), this.#subscriber.connect()])
      await this.#subscriber.subscribe(this.#keys.answers(this.#id))
    } catch (error) {
      await this.close()
      // Not the error itself, which has the arguments of a command.
      throw new QueueUnavailableError({ cause: new Error((error as Error).message) })
    }
    this.#subscriber.on('message', () => { this.#answers.read() })
    this.#looking = setInterval(() => { if (this.#answers.size > 0) this.#answers.read() }, lookInterval)
    this.#queue = new Queue(queue, { connection: this.#commands, prefix, streams: { events: { maxLen: 0 } } })
    // Those of the connection, which are logged.
    this.#queue.on('error', () => {})
    await this.#queue.waitUntilReady()
  }

  /** Answers one subrequest, through whichever worker takes it. */
  async execute (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
    const id = taskId(this.#id, ++this.#count)
    const left = Math.max(subrequest.batch.deadline - Date.now(), 1)
    const answer = this.#answers.expect(id)
    context.onAbort(reason => {
      if (this.#answers.fail(id, reason as FastifyError, 'unknown')) this.#abort(id, left)
    })
    context.queued = true
    try {
      await this.#store(id, subrequest, context.maxResponseBytes, left)
    } catch {
      // Perhaps it is stored, or will be. It is not in the queue: nobody looks for it.
      this.#answers.fail(id, new QueueUnavailableError(), 'not_started')
    }
    if (!this.#answers.isExpected(id)) return answer
    context.queued = false

    const patience = Math.floor(left - Math.min(left / 5, 500))
    const timer = setTimeout(() => { this.#withdraw(id, new QueueTimeoutError(patience), left) }, patience)
    try {
      await this.#enqueue(id, subrequest)
    } catch {
      // Perhaps it is in the queue, or will be. Without its task, it is nothing.
      this.#withdraw(id, new QueueUnavailableError(), left)
    }
    const subresponse = await answer
    clearTimeout(timer)
    return subresponse
  }

  /** Waits for what runs, each until its deadline, and disconnects. */
  async close (): Promise<void> {
    await this.#answers.idle()
    this.#closing.abort()
    clearInterval(this.#looking)
    try {
      await this.#inTime(this.#commands.del(this.#keys.answers(this.#id)))
    } catch {
      // Redis is away, and forgets it by itself.
    }
    await this.#queue?.close()
    for (const redis of [this.#commands, this.#subscriber]) redis.disconnect()
  }

  #store (id: string, subrequest: Subrequest, maxResponseBytes: number, left: number): Promise<void> {
    const message = writeTask({ subrequest, maxResponseBytes })
    const starts = idempotent.has(subrequest.method) ? this.#settings.attempts : 1
    return this.#inTime(storeTask(this.#commands, this.#keys.task(id), { message, starts, left }))
  }

  #enqueue (id: string, subrequest: Subrequest): Promise<unknown> {
    const { batch: { requestId, index } } = subrequest
    const options = { jobId: id, attempts: 1, removeOnComplete: true, removeOnFail: true }
    return this.#inTime(this.#queue!.add(this.#settings.jobName(subrequest), { requestId, index }, options))
  }

  /** Answers with an error what no worker has taken, and sees to it that none will. */
  async #withdraw (id: string, error: FastifyError, left: number): Promise<void> {
    const wanted = () => this.#answers.isExpected(id)
    const state = await this.#insist(() => withdrawTask(this.#commands, this.#keys.task(id)), left, wanted)
    if (state === 'withdrawn') {
      this.#answers.fail(id, error, 'not_started')
    } else if (state === 'gone') {
      // It was answered, and the answer is there by now, or all of it was lost.
      await this.#answers.read()
      this.#answers.fail(id, new QueueLostError(), 'unknown')
    } else {
      return
    }
    await this.#insist(() => this.#queue!.remove(id), left)
  }

  /** Sees to it that what nobody waits for is not started, or aborted. */
  async #abort (id: string, left: number): Promise<void> {
    await this.#insist(() => abortTask(this.#commands, this.#keys.task(id), id, this.#keys.aborts('')), left)
    await this.#insist(() => this.#queue!.remove(id), left)
  }

  /** Sends a command until it succeeds, for as long as there may be a task. */
  async #insist<Result> (
    send: () => Promise<Result>, milliseconds: number, wanted = () => true
  ): Promise<Result | undefined> {
    const end = performance.now() + milliseconds + grace
    while (wanted() && !this.#closing.signal.aborted && performance.now() < end) {
      try {
        // However long it takes: one that was sent twice would not know what the first one did.
        return await send()
      } catch {
        await delay(retryPause, undefined, { ref: false })
      }
    }
  }

  async #inTime<Result> (sent: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => { reject(new Error('no reply')) }, this.#settings.enqueueTimeout)
    })
    try {
      return await Promise.race([sent, late])
    } finally {
      clearTimeout(timer!)
    }
  }
}
