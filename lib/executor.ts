import type { FastifyInstance } from 'fastify'
import type { Subrequest } from './subrequest.ts'
import type { Subresponse } from './subresponse.ts'

/** What an executor is given beside a subrequest. */
export interface ExecutionContext {
  /** The app that the batch came to. */
  readonly app: FastifyInstance
  /** The largest body that the answer may have, in bytes. */
  readonly maxResponseBytes: number
  /** Aborts when the answer is no longer waited for: out of time, client gone. Made when it is first read. */
  readonly signal: AbortSignal
  /**
   * To be set by an executor to `true` while the subrequest waits in a queue of its own, where it can have no effects:
   * out of time meanwhile, it is answered `not_started`.
   */
  queued?: boolean
  /** Calls `listener` once if the answer is no longer waited for. Does what `signal` does, at no cost. */
  onAbort (listener: (reason: Error) => void): void
}

/**
 * Where subrequests run, and how many at once.
 *
 * An executor answers one subrequest at a time and knows nothing of batches: the order, the limits and the deadlines
 * are kept outside. Its limits belong to the instance: batch routes that share an executor share them.
 */
export interface Executor {
  /** For logs and errors. */
  readonly name: string
  /** How many subrequests of one batch run at once: an integer from 1, or `Infinity`. */
  readonly perBatch: number
  /** How many subrequests of all batches together run at once: an integer from 1, or `Infinity`. */
  readonly total: number
  /** Whether handlers run in this process, and can be handed the transaction of an atomic batch. Default false. */
  readonly inProcess?: boolean
  /** Headers that it sets itself: protected as those of the option `protectedHeaders`. In lower case. Default none. */
  readonly protectedHeaders?: readonly string[]
  /** Called for each batch route before its app is ready. An error keeps the app from starting. */
  start? (app: FastifyInstance): void | Promise<void>
  /**
   * Answers one subrequest. A rejection is answered with 502 and `outcome: "unknown"`, as it may have had effects.
   * An answer that comes after the abort is dropped.
   */
  execute (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse>
  /** Called once, when the last batch route that uses this executor has closed. */
  close? (): void | Promise<void>
}
