import { TypeCompiler } from '@sinclair/typebox/compiler'
import { safeParse } from 'fast-content-type-parse'
import { InvalidBatchError, TooManyRequestsError, UnsupportedMediaTypeError } from '../errors.ts'
import { excerpt } from '../excerpt.ts'
import { batchBody } from './schema.ts'

/**
 * Gives the reason to refuse a batch that is not `application/json` in utf-8, or `undefined`.
 *
 * JSON between systems is utf-8 (RFC 8259 section 8.1). Every other media type is refused because a browser
 * sends some of them across origins without asking first.
 */
export function refuseMediaType (contentType: string): Error | undefined {
  if (contentType === 'application/json') return undefined
  const { type, parameters } = safeParse(contentType)
  const charset = parameters.charset ?? 'utf-8'
  if (type === 'application/json' && charset.toLowerCase() === 'utf-8') return undefined
  return new UnsupportedMediaTypeError(excerpt(contentType))
}

/**
 * Compiles the schema of a batch to a function that gives the first reason to refuse a body, or `undefined`.
 * It changes nothing in the body: no coercion, no defaults, no removal.
 */
export function compileBatchBody (maxRequests: number): (body: unknown) => Error | undefined {
  const compiled = TypeCompiler.Compile(batchBody(maxRequests))

  return function validateBatchBody (body) {
    // Counted first: whatever a client sends too much of costs nothing but its parsing.
    const items = (body as { batch?: unknown } | null)?.batch
    if (Array.isArray(items) && items.length > maxRequests) return new TooManyRequestsError(items.length, maxRequests)
    if (compiled.Check(body)) return undefined

    const { path, message } = compiled.Errors(body).First()!
    const place = path === '' ? 'body' : excerpt(path.slice(1))
    return new InvalidBatchError(place, message[0]!.toLowerCase() + message.slice(1))
  }
}
