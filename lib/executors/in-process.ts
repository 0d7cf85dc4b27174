import { availableParallelism } from 'node:os'
import { inject } from '../dispatch/inject.ts'
import { InvalidOptionError } from '../errors.ts'
import type { Executor } from '../executor.ts'

/** Runs subrequests in this process, one after another within a batch. */
export function sequential (): Executor {
  return Object.freeze({ name: 'sequential', perBatch: 1, total: Infinity, inProcess: true, execute: inject })
}

/**
 * Runs subrequests in this process, at most `limit` at once over all batches, with turns between the batches.
 * `limit` is an integer from 1, by default four times the number of processors.
 * @throws InvalidOptionError
 */
export function concurrent ({ limit = 4 * availableParallelism() }: { limit?: number } = {}): Executor {
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidOptionError('limit', 'an integer from 1', String(limit))
  return Object.freeze({ name: 'concurrent', perBatch: limit, total: limit, inProcess: true, execute: inject })
}
