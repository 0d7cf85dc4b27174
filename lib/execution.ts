import type { FastifyInstance } from 'fastify'
import type { ExecutionContext } from './executor.ts'

/**
 * The context of one execution, and what ends it.
 * A class, as there is one for each subrequest: closures and an AbortSignal would cost more than a small one itself.
 */
export class Execution implements ExecutionContext {
  readonly app: FastifyInstance
  readonly maxResponseBytes: number
  queued = false
  #listeners: Array<(reason: Error) => void> | undefined
  #controller: AbortController | undefined
  #reason: Error | undefined

  constructor (app: FastifyInstance, maxResponseBytes: number) {
    this.app = app
    this.maxResponseBytes = maxResponseBytes
  }

  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      const controller = this.#controller = new AbortController()
      this.onAbort(reason => { controller.abort(reason) })
    }
    return this.#controller.signal
  }

  onAbort (listener: (reason: Error) => void): void {
    if (this.#reason !== undefined) listener(this.#reason)
    else if (this.#listeners === undefined) this.#listeners = [listener]
    else this.#listeners.push(listener)
  }

  /** Tells the executor that nobody waits any more. To be called once. */
  abort (reason: Error): void {
    this.#reason = reason
    this.#listeners?.forEach(listener => { listener(reason) })
  }
}
