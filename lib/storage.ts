import type { FastifyError } from 'fastify'
import type { ExecutionContext, Executor } from './executor.ts'
import type { Outcome } from './outcome.ts'
import type { Parent } from './parent.ts'
import type { Subrequest } from './subrequest.ts'
import type { Subresponse } from './subresponse.ts'
import type { BatchBody } from './wire/schema.ts'

/** An executor that can keep batches that outlive their connection. */
export interface StoringExecutor extends Executor {
  readonly storage: BatchStorage
}

/** Gives where an executor keeps batches, if it does. */
export function storageOf (executor: Executor): BatchStorage | undefined {
  return (executor as Partial<StoringExecutor>).storage
}

/**
 * Keeps batches that outlive their connection, where all processes that share it find them.
 *
 * A batch that was created is run by whichever process claims it, and by another one if that process is not heard of
 * any more. It goes on where the other one ended: what was started before is not started again.
 */
export interface BatchStorage {
  /** Stores a batch. @throws an error with a status if it is not known to be stored */
  create (batch: NewBatch): Promise<Creation>
  /** Gives a batch of a route that no process runs. Whoever claims it has to `renew` that every second. */
  claim (route: string): Promise<ClaimedBatch | undefined>
  /** Says that batches are still run by this process, and gives the ids of those that were cancelled. */
  renew (route: string, ids: readonly string[]): Promise<string[]>
  /** Gives what is known of a batch, or `undefined` if there is none. */
  read (id: string): Promise<StoredBatch | undefined>
  /** Gives outcomes in the order in which they came, from the given one, at most eight. */
  readOutcomes (id: string, from: number): Promise<Outcome[]>
  /** Starts nothing further in a batch. */
  cancel (id: string): Promise<void>
  /** Calls `listener` when there may be something new about a batch, until what it gives is called. */
  watch (id: string, listener: () => void): Promise<() => void>
}

/** A batch to be stored. */
export interface NewBatch {
  /** The batch route that it came to. */
  readonly route: string
  /** Says who may see it, without saying who that is. */
  readonly owner: string
  readonly body: BatchBody
  readonly parent: Parent
  /** How long it may take, in milliseconds. */
  readonly timeout: number
  /** How long it is kept after its end, in milliseconds. */
  readonly lifetime: number
  /** How many batches of the route may be unfinished at a time. */
  readonly maxBatches: number
  /** What makes it the same as another one, which is given instead. */
  readonly repetition: Repetition | undefined
}

/** Of a batch that its client may send again. */
export interface Repetition {
  /** The same each time. */
  readonly key: string
  /** Differs if what is sent differs. */
  readonly fingerprint: string
}

/** What became of a batch that was to be stored: its id, or why there is none. */
export type Creation = { readonly id: string } | 'reused' | 'full'

/** What is known of a batch. */
export interface StoredBatch {
  readonly route: string
  readonly owner: string
  /** Milliseconds since it was stored. */
  readonly age: number
  /** How many milliseconds it took, once all items are answered. */
  readonly duration: number | undefined
  /** In the order of the items. */
  readonly items: readonly StoredItem[]
}

export interface StoredItem {
  readonly id?: string
  readonly state: 'waiting' | 'running' | 'done'
  /** Of its answer. */
  readonly status?: number
}

/** A batch that this process is to run. */
export interface ClaimedBatch {
  readonly id: string
  readonly body: BatchBody
  readonly parent: Parent
  readonly cancelled: boolean
  /** How long it may take, in milliseconds, and how much of that is left. */
  readonly timeout: number
  readonly left: number
  readonly outcomes: readonly Outcome[]
  /** Indexes of items that were started, and have no outcome. */
  readonly started: ReadonlySet<number>
  /** Answers a subrequest, as an executor does. What was started before is not started again, but waited for. */
  execute (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse>
  /** Answers items that were handed to `execute` with an error, if they have not begun. */
  withdraw (indexes: Iterable<number>, error: FastifyError): void
  /** Stores an outcome, the first one of each item. Resolves when it is stored, however long that takes. */
  record (outcome: Outcome): Promise<void>
  /** Says that all outcomes are recorded. What is no longer needed is forgotten: headers, bodies. */
  finish (): Promise<void>
  /** Leaves the batch to other processes, with all that runs. */
  release (): Promise<void>
}
