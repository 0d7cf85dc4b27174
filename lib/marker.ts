import { Buffer } from 'node:buffer'
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { BatchContext, Subrequest } from './subrequest.ts'
import { markerHeader } from './subrequest/headers.ts'

/** A marker that says that a request is a subrequest, and no more. */
export const unsignedMarker = '?1'

/** How old a signed marker may be, and how far the clocks of two machines may be apart, in milliseconds. */
const freshness = 30_000

interface Signed extends BatchContext {
  /** When it was signed, in milliseconds since 1970. */
  readonly at: number
  /** No other marker has the same. */
  readonly nonce: string
}

/** What of a request a signature is bound to. */
type SignedRequest = Pick<Subrequest, 'method' | 'url'> & { readonly headers: NodeJS.Dict<string | string[]> }

/** Gives a marker that tells an upstream, which has the same secret, which item of which batch a request is. */
export function signMarker (subrequest: Subrequest, secret: string): string {
  const signed: Signed = { ...subrequest.batch, at: Date.now(), nonce: randomBytes(16).toString('base64url') }
  const payload = Buffer.from(JSON.stringify(signed)).toString('base64url')
  return `${payload}.${sign(payload, subrequest, secret).toString('base64url')}`
}

/** Whether a request says that it is a subrequest. Whoever says so has fewer rights, never more. */
export function isMarked ({ headers }: IncomingMessage): boolean {
  return headers[markerHeader] !== undefined
}

/** Tells markers that were signed with one of its secrets from all others. */
export class MarkerVerifier {
  readonly #secrets = new Set<string>()
  #seen = new Set<string>()
  #seenBefore = new Set<string>()
  #since = 0

  trust (secrets: readonly string[]): void {
    for (const secret of secrets) this.#secrets.add(secret)
  }

  /** Gives what a marker says, if it was signed for this very request, lately, and is seen for the first time. */
  verify (request: SignedRequest): BatchContext | undefined {
    const [payload, signature, ...rest] = String(request.headers[markerHeader]).split('.')
    if (signature === undefined || rest.length > 0) return undefined
    const given = Buffer.from(signature, 'base64url')
    if (![...this.#secrets].some(secret => isEqual(given, sign(payload!, request, secret)))) return undefined

    const { at, nonce, ...batch }: Signed = JSON.parse(Buffer.from(payload!, 'base64url').toString())
    const now = Date.now()
    if (Math.abs(now - at) > freshness || !this.#isFirst(nonce, now)) return undefined
    return Object.freeze(batch)
  }

  /** A nonce is remembered for as long as its marker is fresh by any clock: twice `freshness`, at least. */
  #isFirst (nonce: string, now: number): boolean {
    if (now - this.#since > 2 * freshness) {
      this.#seenBefore = now - this.#since > 4 * freshness ? new Set() : this.#seen
      this.#seen = new Set()
      this.#since = now
    }
    if (this.#seen.has(nonce) || this.#seenBefore.has(nonce)) return false
    this.#seen.add(nonce)
    return true
  }
}

/** Signs what a marker says together with what is asked for, and in whose name. */
function sign (payload: string, { method, url, headers }: SignedRequest, secret: string): Buffer {
  const { authorization, cookie } = headers
  const text = JSON.stringify([markerHeader, payload, method, url, authorization ?? null, cookie ?? null])
  return createHmac('sha256', secret).update(text).digest()
}

function isEqual (a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
