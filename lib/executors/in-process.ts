import { availableParallelism } from 'node:os'
import { direct } from '../dispatch/direct.ts'
import { inject } from '../dispatch/inject.ts'
import { InvalidOptionError } from '../errors.ts'
import type { Executor } from '../executor.ts'

/** How an executor in this process hands a subrequest to the app. */
export interface InProcessOptions {
  /**
   * `'inject'` goes through `app.inject()`. `'direct'` goes through `app.routing()`, costs a fraction of it, and is
   * closer to a request from a socket. Default `'inject'`.
   */
  dispatch?: 'inject' | 'direct'
}

/** The options of `concurrent()`. */
export interface ConcurrentOptions extends InProcessOptions {
  /** How many subrequests run at once, over all batches: an integer from 1. Default four times the processors. */
  limit?: number
}

const dispatchers = Object.freeze({ inject, direct })

/**
 * Runs subrequests in this process, one after another within a batch.
 * @throws InvalidOptionError
 */
export function sequential ({ dispatch = 'inject' }: InProcessOptions = {}): Executor {
  return Object.freeze({ name: 'sequential', perBatch: 1, total: Infinity, inProcess: true, execute: dispatcher(dispatch) })
}

/**
 * Runs subrequests in this process, at most `limit` at once over all batches, with turns between the batches.
 * @throws InvalidOptionError
 */
export function concurrent (
  { limit = 4 * availableParallelism(), dispatch = 'inject' }: ConcurrentOptions = {}
): Executor {
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidOptionError('limit', 'an integer from 1', String(limit))
  return Object.freeze({ name: 'concurrent', perBatch: limit, total: limit, inProcess: true, execute: dispatcher(dispatch) })
}

function dispatcher (dispatch: 'inject' | 'direct'): Executor['execute'] {
  if (Object.hasOwn(dispatchers, dispatch)) return dispatchers[dispatch]
  throw new InvalidOptionError('dispatch', "'inject' or 'direct'", String(dispatch))
}
