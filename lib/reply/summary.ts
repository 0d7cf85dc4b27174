import { InvalidStatusError, ResponseTooLargeError } from '../errors.ts'
import { isIdempotent } from '../methods.ts'
import type { Outcome } from '../outcome.ts'
import type { BatchSummary } from '../wire/schema.ts'

// The answer would be no other the next time.
const lasting = new Set([new ResponseTooLargeError(0).code, new InvalidStatusError('').code])

/** Sums up a batch, for clients that do not look at every answer. Keeps nothing of the outcomes. */
export class Summary {
  readonly #atomic: boolean
  #total = 0
  #ok = 0
  #notStarted = 0
  /** Whether anything may have had effects that last. */
  #hadEffects = false
  /** Whether anything was refused for now. */
  #refused = false
  readonly #retry: number[] = []
  #wait = -1

  constructor (atomic: boolean) {
    this.#atomic = atomic
  }

  add (outcome: Outcome): void {
    const { index, subresponse: { status, outcome: ending } } = outcome
    this.#total++
    if (ending === 'not_started') this.#notStarted++
    else if (ending === undefined && status < 400) this.#ok++
    if (ending === undefined || ending === 'unknown') this.#hadEffects = true
    if (status === 429 || status === 503 || status === 504) this.#refused = true
    // A transaction is sent again as a whole, or not at all.
    if (!this.#atomic && !isWorthRetrying(outcome)) return
    this.#retry.push(index)
    this.#wait = Math.max(this.#wait, retryAfter(outcome) ?? -1)
  }

  toJSON (): BatchSummary {
    const isRetried = this.#retry.length > 0 && (!this.#atomic || (this.#refused && !this.#hadEffects))
    return {
      total: this.#total,
      ok: this.#ok,
      failed: this.#total - this.#ok - this.#notStarted,
      not_started: this.#notStarted,
      retry: isRetried ? this.#retry.toSorted((a, b) => a - b) : [],
      ...isRetried && this.#wait >= 0 ? { retry_after: this.#wait } : {}
    }
  }
}

/**
 * Whether it makes sense, and does no harm, to send an item again as it is: it was refused for now (429, 503), or there
 * was no time left to start it, or it is not known what became of it and its method is idempotent. Never an item that
 * only the failure of another kept from running: that one has to be mended first.
 */
function isWorthRetrying ({ method, subresponse: { status, outcome, code = '' } }: Outcome): boolean {
  if (outcome === 'unknown') return isIdempotent(method.toUpperCase()) && !lasting.has(code)
  return status === 429 || status === 503 || (outcome === 'not_started' && status === 504)
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfter ({ subresponse: { headers } }: Outcome): number | undefined {
  const value = headers['retry-after']
  if (typeof value !== 'string') return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000)
  return Number.isNaN(seconds) ? undefined : Math.max(seconds, 0)
}
