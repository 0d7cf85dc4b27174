import { checkOptions, milliseconds, positiveInteger, type Check } from '../option-checks.ts'
import { ownerByCredentials, type Owner } from './owner.ts'

/** How batches can outlive their connection. */
export interface RespondAsyncOptions {
  /**
   * Says who sent a request: only the same one sees the batch, and for nobody (`undefined`) none is stored.
   * Default: who sends the same `authorization`, `cookie` and client certificate.
   */
  owner?: Owner
  /** How long such a batch may take, in milliseconds. Its `timeout_ms` can only shorten it. Default an hour. */
  batchTimeout?: number
  /** How long a subrequest of it may take, with the time that it waits in the queue. Default five minutes. */
  subrequestTimeout?: number
  /** How long its answer is kept, in milliseconds from its end. Default an hour. */
  lifetime?: number
  /** How many batches of the route may be unfinished at a time. Default 1000. */
  maxBatches?: number
  /** How many of them each process runs at once. Default 10. */
  concurrency?: number
}

export type ResolvedRespondAsync = Readonly<Required<RespondAsyncOptions>>

const checks: Readonly<Record<keyof RespondAsyncOptions, Check>> = {
  owner: ['a function', value => typeof value === 'function'],
  batchTimeout: milliseconds,
  subrequestTimeout: milliseconds,
  lifetime: milliseconds,
  maxBatches: positiveInteger,
  concurrency: positiveInteger
}

const hour = 3_600_000

/**
 * Checks the options and fills in the defaults.
 * @throws InvalidOptionError
 */
export function resolveRespondAsync (options: RespondAsyncOptions): ResolvedRespondAsync {
  checkOptions(options, checks, 'respondAsync.')
  return Object.freeze({
    owner: options.owner ?? ownerByCredentials,
    batchTimeout: options.batchTimeout ?? hour,
    subrequestTimeout: options.subrequestTimeout ?? 300_000,
    lifetime: options.lifetime ?? hour,
    maxBatches: options.maxBatches ?? 1000,
    concurrency: options.concurrency ?? 10
  })
}
