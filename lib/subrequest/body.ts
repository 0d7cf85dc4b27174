import { Buffer } from 'node:buffer'
import type { BatchItem } from '../wire/schema.ts'
import { InvalidBodyError } from '../errors.ts'

// RFC 4648 section 4, padded, without line breaks. No groups: with megabytes, V8 would run out of stack for them.
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * Gives the bytes of an item's body, or `undefined` where it has none.
 * A string is sent as it is, so `""` is an empty body; any other JSON value is sent as JSON, `null` included.
 * @throws InvalidBodyError
 */
export function encodeBody ({ body, body_encoding: encoding }: BatchItem, index: number): Buffer | undefined {
  if (encoding === 'base64') {
    if (!isBase64(body)) throw new InvalidBodyError(`batch/${index}/body`, 'is not base64')
    return Buffer.from(body, 'base64')
  }
  if (body === undefined) return undefined
  if (typeof body === 'string') return Buffer.from(body)
  try {
    return Buffer.from(JSON.stringify(body))
  } catch (cause) {
    // JSON.parse takes deeper values than JSON.stringify, which then ends in a RangeError.
    throw new InvalidBodyError(`batch/${index}/body`, 'is nested too deeply', { cause })
  }
}

/** Buffer.from would skip what it does not know. */
function isBase64 (body: unknown): body is string {
  return typeof body === 'string' && body.length % 4 === 0 && base64.test(body)
}
