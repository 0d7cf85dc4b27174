import type { FastifyBaseLogger, FastifyError } from 'fastify'
import { ClosingError, NoWorkersError } from '../../errors.ts'
import type { ExecutionContext } from '../../executor.ts'
import type { Subrequest } from '../../subrequest.ts'
import { failedSubresponse, type Subresponse } from '../../subresponse.ts'
import { Slot } from './slot.ts'
import type { WorkerSettings } from './worker.ts'

export interface PoolSettings extends WorkerSettings {
  readonly workers: number
  readonly lazy: boolean
  /** Bytes. */
  readonly maxMemory: number
}

/** A subrequest that no worker has been given. */
interface Waiting {
  give (slot: Slot): void
  refuse (error: FastifyError): void
}

/** The workers of a process pool, and which of them gets a subrequest. */
export class Pool {
  readonly #slots: readonly Slot[]
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>()
  readonly #maxMemory: number
  #closed = false

  constructor (settings: PoolSettings, log: FastifyBaseLogger) {
    this.#maxMemory = settings.maxMemory
    this.#slots = Array.from({ length: settings.workers }, () => new Slot(settings, log, () => { this.#serve() }))
  }

  /**
   * Starts all workers.
   * @throws WorkerBootError if one of them does not boot. Then none is left.
   */
  async start (): Promise<void> {
    this.#fill()
    try {
      await Promise.all(this.#slots.map(slot => slot.worker!.booted))
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Answers one subrequest, in the worker that has the least to do, as soon as one is free. */
  async execute (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
    this.#fill()
    const slot = this.#freeSlot()
    if (slot !== undefined) return this.#run(slot, subrequest, context)
    const refusal = this.#refusal()
    if (refusal !== undefined) return failedSubresponse(refusal, 'not_started')

    return new Promise(resolve => {
      const waiting: Waiting = {
        give: slot => {
          context.queued = false
          resolve(this.#run(slot, subrequest, context))
        },
        refuse: error => { resolve(failedSubresponse(error, 'not_started')) }
      }
      context.queued = true
      context.onAbort(reason => {
        if (this.#waiting.delete(waiting)) waiting.refuse(reason as FastifyError)
      })
      this.#waiting.add(waiting)
    })
  }

  /** Ends all workers. Subrequests that wait for one are refused. */
  async close (): Promise<void> {
    this.#closed = true
    this.#serve()
    await Promise.all(this.#slots.map(slot => slot.close()))
  }

  async #run (slot: Slot, subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
    const worker = slot.worker!
    try {
      return await worker.execute(subrequest, context)
    } finally {
      if (worker.memory > this.#maxMemory && worker === slot.worker) slot.replace()
      this.#serve()
    }
  }

  #fill (): void {
    for (const slot of this.#slots) slot.fill()
  }

  /** Gives what waits to whoever is free, or refuses it. */
  #serve (): void {
    for (const waiting of this.#waiting) {
      const slot = this.#freeSlot()
      const refusal = slot === undefined ? this.#refusal() : undefined
      if (slot === undefined && refusal === undefined) return
      this.#waiting.delete(waiting)
      if (slot === undefined) waiting.refuse(refusal!)
      else waiting.give(slot)
    }
  }

  #freeSlot (): Slot | undefined {
    let free: Slot | undefined
    for (const slot of this.#slots) {
      if (slot.worker?.isFree && (free === undefined || slot.worker.inFlight < free.worker!.inFlight)) free = slot
    }
    return free
  }

  /** Why a subrequest that found no free worker is not to wait for one. */
  #refusal (): FastifyError | undefined {
    if (this.#closed) return new ClosingError()
    return this.#slots.every(slot => slot.isHopeless) ? new NoWorkersError() : undefined
  }
}
