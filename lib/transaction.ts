import type { FastifyError, FastifyRequest } from 'fastify'
import { BeginFailedError, CommitFailedError, RollbackFailedError, RolledBackError } from './errors.ts'
import { notStarted, type Outcome } from './outcome.ts'
import type { PlannedItem } from './plan/item.ts'
import { failedSubresponse, type IncompleteOutcome } from './subresponse.ts'
import { within } from './within.ts'

/**
 * How a batch with `atomic: true` gets its transaction.
 *
 * Of each transaction that began, exactly one of `commit` and `rollback` is called, once. It ends the transaction and
 * gives back what it holds, even where it fails. A handler that was out of time may still use the transaction
 * afterwards: it must find it closed.
 */
export interface TransactionAdapter<Transaction = unknown> {
  /** Begins a transaction for a batch request. Handlers find it at `request.batch.transaction`. */
  begin (request: FastifyRequest): Transaction | Promise<Transaction>
  /** Called when every item was answered with a status below 400. */
  commit (transaction: Transaction): void | Promise<void>
  /** Called when any item was not. */
  rollback (transaction: Transaction): void | Promise<void>
}

/** An atomic batch that is to be run. */
export interface AtomicRun {
  readonly adapter: TransactionAdapter
  readonly request: FastifyRequest
  readonly items: readonly PlannedItem[]
  /** How long `begin` may take, in milliseconds. */
  readonly beginTimeout: number
  /** How long `commit` or `rollback` may take. */
  readonly endTimeout: number
  /** Runs the items with the transaction. */
  run (transaction: unknown): Promise<Outcome[]>
}

/** Runs a batch in a transaction. It ends as its items say, and their outcomes say how it ended. Never rejects. */
export async function runInTransaction (atomicRun: AtomicRun): Promise<Outcome[]> {
  const { adapter, request, items, beginTimeout, endTimeout, run } = atomicRun
  const beginning = start(() => adapter.begin(request))
  let transaction: unknown
  try {
    transaction = await within(beginTimeout, beginning)
  } catch (cause) {
    // Nobody else will end it, should it begin after all.
    beginning.then(endLate, () => {})
    const error = logged(new BeginFailedError({ cause }))
    return items.map(planned => notStarted(planned, error))
  }
  const outcomes = await run(transaction)
  return outcomes.every(({ subresponse }) => subresponse.status < 400) ? commit() : rollback()

  async function commit (): Promise<Outcome[]> {
    try {
      await within(endTimeout, start(() => adapter.commit(transaction)))
      return outcomes
    } catch (cause) {
      return overrule(outcomes, logged(new CommitFailedError({ cause })), 'unknown')
    }
  }

  async function rollback (): Promise<Outcome[]> {
    try {
      await within(endTimeout, start(() => adapter.rollback(transaction)))
      return overrule(outcomes, new RolledBackError(), 'rolled_back')
    } catch (cause) {
      return overrule(outcomes, logged(new RollbackFailedError({ cause })), 'unknown')
    }
  }

  async function endLate (late: unknown): Promise<void> {
    try {
      await adapter.rollback(late)
    } catch (cause) {
      logged(new RollbackFailedError({ cause }))
    }
  }

  function logged (error: FastifyError): FastifyError {
    request.log.error({ err: error }, error.message)
    return error
  }
}

/** Says how the items that ran ended for good: those that succeeded by the error, the others by their own answer. */
function overrule (outcomes: readonly Outcome[], error: FastifyError, outcome: IncompleteOutcome): Outcome[] {
  return outcomes.map(ended => {
    const { subresponse } = ended
    if (subresponse.outcome === 'not_started') return ended
    const succeeded = subresponse.status < 400
    return { ...ended, subresponse: succeeded ? failedSubresponse(error, outcome) : { ...subresponse, outcome } }
  })
}

/** Calls a function of the adapter, whether it is asynchronous or not. */
async function start<Result> (call: () => Result | Promise<Result>): Promise<Result> {
  return call()
}
