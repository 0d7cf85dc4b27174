import { availableParallelism } from 'node:os'
import { direct } from '../dispatch/direct.ts'
import { inject } from '../dispatch/inject.ts'
import type { Executor } from '../executor.ts'
import { checkOptions, oneOf, positiveInteger } from '../option-checks.ts'

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

const dispatch = oneOf('inject', 'direct')

/**
 * Runs subrequests in this process, one after another within a batch.
 * @throws InvalidOptionError
 */
export function sequential (options: InProcessOptions = {}): Executor {
  checkOptions(options, { dispatch })
  return inProcess('sequential', 1, Infinity, options)
}

/**
 * Runs subrequests in this process, at most `limit` at once over all batches, with turns between the batches.
 * @throws InvalidOptionError
 */
export function concurrent (options: ConcurrentOptions = {}): Executor {
  checkOptions(options, { dispatch, limit: positiveInteger })
  const { limit = 4 * availableParallelism() } = options
  return inProcess('concurrent', limit, limit, options)
}

function inProcess (name: string, perBatch: number, total: number, { dispatch = 'inject' }: InProcessOptions): Executor {
  return Object.freeze({ name, perBatch, total, inProcess: true, execute: dispatchers[dispatch] })
}
