import { InvalidStatusError, ResponseTooLargeError } from '../errors.ts'
import type { Outcome } from '../outcome.ts'
import type { BatchSummary } from '../wire/schema.ts'

// RFC 9110 section 9.2.2: what is sent twice has the effect of what is sent once.
const idempotent = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

// The answer would be no other the next time.
const lasting = new Set([new ResponseTooLargeError(0).code, new InvalidStatusError('').code])

/** Sums up a batch, for clients that do not look at every answer. */
export function summarize (outcomes: readonly Outcome[], atomic: boolean): BatchSummary {
  const notStarted = outcomes.filter(({ subresponse }) => subresponse.outcome === 'not_started').length
  const ok = outcomes.filter(({ subresponse: { status, outcome } }) => outcome === undefined && status < 400).length
  const retry = atomic ? retryAtomic(outcomes) : outcomes.filter(isWorthRetrying)
  const waits = retry.map(retryAfter).filter(seconds => seconds !== undefined)
  return {
    total: outcomes.length,
    ok,
    failed: outcomes.length - ok - notStarted,
    not_started: notStarted,
    retry: retry.map(({ planned }) => planned.index),
    ...waits.length > 0 ? { retry_after: Math.max(...waits) } : {}
  }
}

/**
 * Whether it makes sense, and does no harm, to send an item again as it is: it was refused for now (429, 503), or there
 * was no time left to start it, or it is not known what became of it and its method is idempotent. Never an item that
 * only the failure of another kept from running: that one has to be mended first.
 */
function isWorthRetrying ({ planned, subresponse: { status, outcome, code = '' } }: Outcome): boolean {
  if (outcome === 'unknown') return idempotent.has(planned.item.method.toUpperCase()) && !lasting.has(code)
  return status === 429 || status === 503 || (outcome === 'not_started' && status === 504)
}

/** A transaction is sent again as a whole, or not at all. */
function retryAtomic (outcomes: readonly Outcome[]): readonly Outcome[] {
  const hadEffects = outcomes.some(({ subresponse: { outcome } }) => outcome === undefined || outcome === 'unknown')
  const isPassing = ({ subresponse: { status } }: Outcome) => status === 429 || status === 503 || status === 504
  return !hadEffects && outcomes.some(isPassing) ? outcomes : []
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfter ({ subresponse: { headers } }: Outcome): number | undefined {
  const value = headers['retry-after']
  if (typeof value !== 'string') return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000)
  return Number.isNaN(seconds) ? undefined : Math.max(seconds, 0)
}
