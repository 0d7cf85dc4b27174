import { Buffer } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { ExecutorFailedError, InvalidStatusError, ResponseTooLargeError } from './errors.ts'
import type { ExecutionContext, Executor } from './executor.ts'
import type { Subrequest } from './subrequest.ts'
import { failedSubresponse, type Subresponse } from './subresponse.ts'

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

/**
 * Has a subrequest answered, and calls `answered` with the answer of the executor, or with what is to be said instead.
 * With a callback, as a promise of its own would be one more for each item.
 */
export function execute (
  executor: Executor, subrequest: Subrequest, execution: Execution, answered: (subresponse: Subresponse) => void
): void {
  const fail = (cause: unknown) => {
    const error = new ExecutorFailedError(executor.name, { cause })
    execution.app.log.error({ err: error, batch: subrequest.batch }, error.message)
    answered(failedSubresponse(error, 'unknown'))
  }
  try {
    Promise.resolve(executor.execute(subrequest, execution)).then(subresponse => {
      if (isBody(subresponse?.body)) answered(checkSubresponse(subresponse, execution.maxResponseBytes))
      else fail(new TypeError('the body of a Subresponse must be a Uint8Array or a string'))
    }, fail)
  } catch (cause) {
    fail(cause)
  }
}

function isBody (body: unknown): boolean {
  return typeof body === 'string' || body instanceof Uint8Array
}

// What says why there is no answer is always left, and no way past the limits.
const maxFailureBytes = 1024

function checkSubresponse (subresponse: Subresponse, maxBytes: number): Subresponse {
  const { status, body, outcome } = subresponse
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    return failedSubresponse(new InvalidStatusError(String(status)), 'unknown')
  }
  if (Buffer.byteLength(body) > (outcome === undefined ? maxBytes : maxFailureBytes)) {
    return failedSubresponse(new ResponseTooLargeError(maxBytes), 'unknown')
  }
  return subresponse
}
