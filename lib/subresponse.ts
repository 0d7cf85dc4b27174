import { STATUS_CODES } from 'node:http'
import type { FastifyError } from 'fastify'

/**
 * How an item ended that did not simply complete.
 * `not_started`: it had no effect. `unknown`: it was running and may have had effects.
 */
export type IncompleteOutcome = 'not_started' | 'unknown'

/** The answer to one subrequest. Plain data, so that it crosses inject, IPC, HTTP and Redis unchanged. */
export interface Subresponse {
  readonly status: number
  readonly reason: string
  /** By lower-case name; a header that was sent several times is an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
  readonly outcome?: IncompleteOutcome
}

/** Gives the answer of an item that the app did not answer, in the shape of Fastify's own errors. */
export function failedSubresponse (error: FastifyError, outcome: IncompleteOutcome): Subresponse {
  const body = Buffer.from(errorBody(error))
  return {
    status: error.statusCode!,
    reason: STATUS_CODES[error.statusCode!]!,
    headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.byteLength) },
    body,
    outcome
  }
}

/** Writes an error as Fastify does by default, whatever error handler the app has. */
export function errorBody ({ statusCode, code, message }: FastifyError): string {
  return JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode!], message })
}
