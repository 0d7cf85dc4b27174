import { randomBytes } from 'node:crypto'
import { Queue } from 'bullmq'
import type { FastifyBaseLogger, FastifyError } from 'fastify'
import type { Redis } from 'ioredis'
import { ExecutorFailedError, QueueLostError, QueueTimeoutError, QueueUnavailableError } from '../../errors.ts'
import type { ExecutionContext } from '../../executor.ts'
import { isIdempotent } from '../../methods.ts'
import type { Subrequest } from '../../subrequest.ts'
import { failedSubresponse, type Subresponse } from '../../subresponse.ts'
import { Answers } from './answers.ts'
import { ClientConnections, type ClientConnectionsSettings } from './client-connections.ts'
import { clientOf, keysOf, taskId, type Keys } from './keys.ts'
import { readAnswer, writeTask } from './message.ts'
import { abortTask, grace, loadAnswer, storeTask, withdrawTask, type NewTask } from './task-scripts.ts'

export interface ClientSettings extends ClientConnectionsSettings {
  readonly queue: string
  readonly prefix: string
  /** How often an idempotent subrequest may be started. */
  readonly attempts: number
  readonly jobName: (subrequest: Subrequest) => string
}

/** The place of a subrequest in a stored batch, which other processes may have run before. */
export interface StoredTask {
  /** The same in all processes. */
  readonly id: string
  /** Puts the task into Redis, once for all processes: says whether it was, or is `there`, or was and is `gone`. */
  store (redis: Redis, key: string, task: NewTask): Promise<'stored' | 'there' | 'gone'>
  /** Whether this process has left the batch to others. */
  isReleased (): boolean
}

// Milliseconds between two looks for answers whose announcement got lost with a connection.
const lookInterval = 1000

/** The way of one API process to the queue, and of the answers back. */
export class QueueClient {
  readonly connections: ClientConnections
  readonly keys: Keys
  readonly #settings: ClientSettings
  readonly #id = randomBytes(8).toString('hex')
  readonly #answers = new Answers(id => this.#read(id))
  #queue: Queue | undefined
  #count = 0
  #looking: NodeJS.Timeout | undefined

  constructor (settings: ClientSettings, log: FastifyBaseLogger) {
    this.#settings = settings
    this.keys = keysOf(settings.prefix, settings.queue)
    this.connections = new ClientConnections(settings, log)
  }

  /**
   * Connects.
   * @throws QueueUnavailableError
   */
  async start (): Promise<void> {
    const { queue, prefix } = this.#settings
    await this.connections.open(this.keys.answers(this.#id), id => { this.look(id) })
    this.#looking = setInterval(() => { this.#answers.lookForAll() }, lookInterval)
    this.#queue = new Queue(queue, { connection: this.connections.redis, prefix, streams: { events: { maxLen: 0 } } })
    // Those of the connection, which are logged.
    this.#queue.on('error', () => {})
    await this.#queue.waitUntilReady()
  }

  /** Looks for the answer to a subrequest, as is done for all every second. To be called where there may be one. */
  look (id: string): Promise<void> {
    return this.#answers.look(id)
  }

  /** Answers one subrequest, through whichever worker takes it. */
  async execute (subrequest: Subrequest, context: ExecutionContext, stored?: StoredTask): Promise<Subresponse> {
    const id = stored?.id ?? taskId(this.#id, ++this.#count)
    const left = Math.max(subrequest.batch.deadline - Date.now(), 1)
    const answer = this.#answers.expect(id)
    const isExpected = () => this.#answers.isExpected(id)
    context.onAbort(reason => {
      if (this.#answers.fail(id, reason as FastifyError, 'unknown') && !stored?.isReleased()) this.#abort(id, left)
    })
    // Who waits at a connection is told at once; who does not, has time until Redis is back.
    const send = <Result> (command: () => Promise<Result>) => stored === undefined
      ? this.connections.attempt(command).catch(() => undefined)
      : this.connections.insist(command, { wanted: isExpected })

    context.queued = true
    const task = this.#newTask(subrequest, context, left)
    const state = await send(() => (stored?.store ?? storeTask)(this.connections.redis, this.keys.task(id), task))
    // Perhaps it is stored, or will be. It is not in the queue: nobody looks for it.
    if (state === undefined) this.#answers.fail(id, new QueueUnavailableError(), 'not_started')
    else if (state === 'gone') this.#answers.fail(id, new QueueLostError(), 'unknown')
    else if (state === 'there') await this.look(id)
    if (!isExpected()) return answer
    context.queued = false

    const patience = Math.floor(left - Math.min(left / 5, 500))
    const timer = setTimeout(() => { this.withdraw(id, new QueueTimeoutError(patience), left) }, patience)
    // Perhaps it is in the queue, or will be. Without its task, it is nothing.
    const job = await send(() => this.#enqueue(id, subrequest))
    if (job === undefined) this.withdraw(id, new QueueUnavailableError(), left)
    const subresponse = await answer
    clearTimeout(timer)
    return subresponse
  }

  /** Answers with an error what no worker has taken, and sees to it that none will. */
  async withdraw (id: string, error: FastifyError, left: number): Promise<void> {
    const { redis } = this.connections
    const wanted = () => this.#answers.isExpected(id)
    const state = await this.#insist(left, () => withdrawTask(redis, this.keys.task(id)), wanted)
    if (state === 'withdrawn') this.#answers.fail(id, error, 'not_started')
    // Perhaps it was answered, and the answer has been read meanwhile. If not, Redis lost it.
    else if (state === 'gone') this.#answers.fail(id, new QueueLostError(), 'unknown')
    else if (state === 'answered') await this.look(id)
    if (state === 'withdrawn' || state === 'gone') await this.#insist(left, () => this.#queue!.remove(id))
  }

  /** Waits for what runs, each until its deadline, and disconnects. */
  async close (): Promise<void> {
    await this.#answers.idle()
    clearInterval(this.#looking)
    this.connections.stop()
    await this.#queue?.close()
    this.connections.close()
  }

  #newTask (subrequest: Subrequest, { maxResponseBytes }: ExecutionContext, left: number): NewTask {
    const message = writeTask({ subrequest, maxResponseBytes })
    return { message, left, starts: isIdempotent(subrequest.method) ? this.#settings.attempts : 1 }
  }

  #enqueue (id: string, subrequest: Subrequest): Promise<unknown> {
    const { batch: { requestId, index } } = subrequest
    // One of the same id is there already.
    const options = { jobId: id, attempts: 1, removeOnComplete: true, removeOnFail: true }
    return this.#queue!.add(this.#settings.jobName(subrequest), { requestId, index }, options)
  }

  async #read (id: string): Promise<Subresponse | undefined> {
    const { redis } = this.connections
    const key = this.keys.task(id)
    const message = await loadAnswer(redis, key)
    if (message === undefined) return undefined
    // In a stored batch it is needed until its outcome is recorded. If Redis is away, it forgets it by itself.
    if (clientOf(id) === this.#id) redis.del(key).catch(() => {})
    try {
      return readAnswer(message)
    } catch (cause) {
      // No worker of ours wrote it.
      return failedSubresponse(new ExecutorFailedError('bullmq', { cause }), 'unknown')
    }
  }

  /** Sees to it that what nobody waits for is not started, or aborted. */
  async #abort (id: string, left: number): Promise<void> {
    const { redis } = this.connections
    await this.#insist(left, () => abortTask(redis, this.keys.task(id), id, this.keys.aborts('')))
    await this.#insist(left, () => this.#queue!.remove(id))
  }

  /** Sends a command until it succeeds, for as long as there may be a task. */
  #insist<Result> (left: number, send: () => Promise<Result>, wanted?: () => boolean): Promise<Result | undefined> {
    return this.connections.insist(send, { milliseconds: left + grace, wanted })
  }
}
