import type { FastifyError } from 'fastify'
import type { Redis } from 'ioredis'
import type { ExecutionContext } from '../../executor.ts'
import type { Outcome } from '../../outcome.ts'
import type { ClaimedBatch } from '../../storage.ts'
import type { Subrequest } from '../../subrequest.ts'
import type { Subresponse } from '../../subresponse.ts'
import { finishBatch, recordOutcome, releaseBatch, storeTaskOnce, type BatchFields } from './batch-scripts.ts'
import type { QueueClient } from './client.ts'
import { taskId } from './keys.ts'
import { writeOutcome, type BatchRecord } from './message.ts'

/** What a batch is claimed with. */
export interface Claimed extends BatchFields, BatchRecord {
  readonly route: string
  readonly outcomes: readonly Outcome[]
}

/** A stored batch that this process runs. */
export class QueuedBatch implements ClaimedBatch {
  readonly id
  readonly body
  readonly parent
  readonly cancelled
  readonly timeout
  readonly left
  readonly outcomes
  readonly started
  readonly #client: QueueClient
  readonly #keys: { batch: string, outcomes: string, unfinished: string }
  readonly #stopListening: () => void
  #released = false

  /** Hears of its answers before anything else: what was started before may end at any time. */
  static async claim (client: QueueClient, claimed: Claimed): Promise<QueuedBatch> {
    const channel = client.keys.answers(claimed.id)
    return new QueuedBatch(client, claimed, await client.connections.listen(channel, task => { client.look(task) }))
  }

  private constructor (client: QueueClient, claimed: Claimed, stopListening: () => void) {
    const { id, route, body, parent, cancelled, timeout, age, outcomes, started, done } = claimed
    this.id = id
    this.body = body
    this.parent = parent
    this.cancelled = cancelled
    this.timeout = timeout
    this.left = timeout - age
    this.outcomes = outcomes
    const ended = new Set(done)
    this.started = new Set(started.filter(index => !ended.has(index)))
    this.#client = client
    const { keys } = client
    this.#keys = { batch: keys.batch(id), outcomes: keys.outcomes(id), unfinished: keys.unfinished(route) }
    this.#stopListening = stopListening
  }

  execute (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
    const { batch: { index } } = subrequest
    return this.#client.execute(subrequest, context, {
      id: taskId(this.id, index),
      store: (redis, task, newTask) => storeTaskOnce(redis, { task, batch: this.#keys.batch }, index, newTask),
      isReleased: () => this.#released
    })
  }

  withdraw (indexes: Iterable<number>, error: FastifyError): void {
    for (const index of indexes) this.#client.withdraw(taskId(this.id, index), error, this.left)
  }

  async record (outcome: Outcome): Promise<void> {
    const { index, subresponse: { status } } = outcome
    const keys = { ...this.#keys, task: this.#client.keys.task(taskId(this.id, index)) }
    const message = writeOutcome(outcome)
    await this.#insist(redis => recordOutcome(redis, keys, { index, status, message }))
  }

  async finish (): Promise<void> {
    this.#stopListening()
    await this.#insist(redis => finishBatch(redis, this.#keys, this.id))
  }

  async release (): Promise<void> {
    this.#released = true
    this.#stopListening()
    const { connections } = this.#client
    // If Redis is away, others wait for a moment longer.
    await connections.attempt(() => releaseBatch(connections.redis, this.#keys.unfinished, this.id)).catch(() => {})
  }

  #insist (send: (redis: Redis) => Promise<void>): Promise<void> {
    const { connections } = this.#client
    return connections.insist(() => send(connections.redis))
  }
}
