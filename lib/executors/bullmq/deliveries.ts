import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { ExecutorFailedError, WorkerDiedError } from '../../errors.ts'
import { Execution } from '../../execution.ts'
import type { HostedApp } from '../../hosted-app.ts'
import { failedSubresponse, type Subresponse } from '../../subresponse.ts'
import { clientOf, type Keys } from './keys.ts'
import { readTask, writeAnswer } from './message.ts'
import { answerTask, claimTask, grace, type ClaimedTask } from './task-scripts.ts'

/** What one worker was given to run. */
export class Deliveries {
  readonly #running = new Map<string, AbortController>()
  readonly #host: HostedApp
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #worker: string

  constructor (host: HostedApp, redis: Redis, keys: Keys, worker: string) {
    this.#host = host
    this.#redis = redis
    this.#keys = keys
    this.#worker = worker
  }

  /** Runs a task, unless it may not be started any more, and answers it. */
  async deliver (id: string): Promise<void> {
    const key = this.#keys.task(id)
    const controller = new AbortController()
    // Before it is claimed: from then on it can be aborted.
    this.#running.set(id, controller)
    try {
      const claim = await claimTask(this.#redis, key, this.#worker, randomUUID())
      // Answered, given up, or taken back: there is nothing to do.
      if (claim === 'gone') return
      const subresponse = claim === 'spent'
        // Whoever started it did not come back.
        ? failedSubresponse(new WorkerDiedError(), 'unknown')
        : await this.#run(claim, controller.signal)
      if (subresponse === undefined) return
      await this.#answer(id, subresponse)
    } finally {
      this.#running.delete(id)
    }
  }

  /** Aborts a task that nobody waits for, if it is here. */
  abort (id: string): void {
    this.#running.get(id)?.abort()
  }

  /** Aborts and answers all tasks that are here. */
  async stop (): Promise<void> {
    await Promise.all([...this.#running].map(async ([id, controller]) => {
      const subresponse = failedSubresponse(new WorkerDiedError(), 'unknown')
      await this.#answer(id, subresponse)
      controller.abort()
    }))
  }

  #answer (id: string, subresponse: Subresponse): Promise<void> {
    const channel = this.#keys.answers(clientOf(id))
    return answerTask(this.#redis, this.#keys.task(id), channel, { id, message: writeAnswer(subresponse) })
  }

  async #run (task: ClaimedTask, signal: AbortSignal): Promise<Subresponse | undefined> {
    if (signal.aborted) return undefined
    try {
      return await this.#dispatch(task, signal)
    } catch (cause) {
      const error = new ExecutorFailedError('bullmq', { cause })
      this.#host.app.log.error(error)
      return failedSubresponse(error, 'unknown')
    }
  }

  async #dispatch ({ message, left }: ClaimedTask, signal: AbortSignal): Promise<Subresponse | undefined> {
    const { subrequest, maxResponseBytes } = readTask(message)
    const execution = new Execution(this.#host.app, maxResponseBytes)
    const abort = () => { execution.abort(new Error('aborted')) }
    signal.addEventListener('abort', abort, { once: true })
    // If the API process cannot say so any more.
    const timer = setTimeout(abort, left + grace)
    // By the clock of this machine.
    const batch = { ...subrequest.batch, deadline: Date.now() + left }
    try {
      return await this.#host.run({ ...subrequest, batch }, execution)
    } finally {
      clearTimeout(timer)
    }
  }
}
