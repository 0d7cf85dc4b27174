import type { FastifyError } from 'fastify'
import { InvalidStatusError, ResponseTooLargeError } from './errors.ts'
import type { PlannedItem } from './plan/item.ts'
import type { UnstartedSubrequest } from './subrequest.ts'
import { failedSubresponse, type Subresponse } from './subresponse.ts'

/** How one item ended. */
export interface Outcome {
  readonly planned: PlannedItem
  /** What ran, or would have. `undefined` if values for it were still missing. */
  readonly subrequest: UnstartedSubrequest | undefined
  readonly subresponse: Subresponse
  /** Milliseconds from its start, 0 if it was not started. */
  readonly duration: number
  /** Whether it was answered while its handler may go on. */
  readonly abandoned: boolean
}

/** The outcome of an item that did not run. */
export function notStarted (planned: PlannedItem, error: FastifyError): Outcome {
  const subresponse = failedSubresponse(error, 'not_started')
  return { planned, subrequest: planned.subrequest, subresponse, duration: 0, abandoned: false }
}

// What says why there is no answer is always left, and no way past the limits.
const maxFailureBytes = 1024

/**
 * Gives what an executor answered, or what is to be said instead of it.
 * @throws TypeError if it is no answer at all
 */
export function checkSubresponse (subresponse: Subresponse, maxBytes: number): Subresponse {
  const { status, body, outcome } = subresponse
  if (!(body instanceof Uint8Array)) throw new TypeError('the body of a Subresponse must be a Uint8Array')
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    return failedSubresponse(new InvalidStatusError(String(status)), 'unknown')
  }
  if (body.byteLength > (outcome === undefined ? maxBytes : maxFailureBytes)) {
    return failedSubresponse(new ResponseTooLargeError(maxBytes), 'unknown')
  }
  return subresponse
}
