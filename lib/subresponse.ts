import { Buffer, isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import { safeParse } from 'fast-content-type-parse'
import type { FastifyError } from 'fastify'

/**
 * How an item ended that did not simply complete.
 * `not_started`: it had no effect. `unknown`: it was running and may have had effects. `rolled_back`: its effects were
 * undone.
 */
export type IncompleteOutcome = 'not_started' | 'unknown' | 'rolled_back'

/** The answer to one subrequest. Plain data, so that it crosses inject, IPC, HTTP and Redis unchanged. */
export interface Subresponse {
  readonly status: number
  readonly reason: string
  /** By lower-case name; a header that was sent several times is an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Bytes, or text, which stands for its bytes in utf-8. */
  readonly body: Uint8Array | string
  readonly outcome?: IncompleteOutcome
  /** Of the error, if it is not the app that answered. */
  readonly code?: string
}

/** Gives the answer of an item that the app did not answer, in the shape of Fastify's own errors. */
export function failedSubresponse (error: FastifyError, outcome: IncompleteOutcome): Subresponse {
  const body = Buffer.from(errorBody(error))
  return {
    status: error.statusCode!,
    reason: STATUS_CODES[error.statusCode!]!,
    headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.byteLength) },
    body,
    outcome,
    code: error.code
  }
}

/** Writes an error as Fastify does by default, whatever error handler the app has. */
export function errorBody ({ statusCode, code, message }: FastifyError): string {
  return JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode!], message })
}

/** Gives a body as text, or `undefined` if it is bytes that are none. */
export function textOf ({ body }: Subresponse): string | undefined {
  // Half a surrogate pair has no bytes in utf-8.
  if (typeof body === 'string') return body.toWellFormed()
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return isUtf8(bytes) ? bytes.toString() : undefined
}

/** Whether the body says that it is JSON. */
export function isJson ({ headers }: Subresponse): boolean {
  const contentType = headers['content-type']
  if (typeof contentType !== 'string') return false
  const { type } = safeParse(contentType)
  return type === 'application/json' || type.endsWith('+json')
}

// Hop-by-hop (RFC 9110 section 7.6.1): they speak of a connection that an item does not have.
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'trailer', 'transfer-encoding', 'upgrade'])

/** Whether the client sees a header in the answer of an item. `name` is in lower case. */
export function isShownHeader (name: string, exposeCookies: boolean): boolean {
  return !hopByHop.has(name) && (exposeCookies || name !== 'set-cookie')
}
