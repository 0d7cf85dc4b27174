import { InvalidHeaderError, ProtectedHeaderError } from '../errors.ts'
import { excerpt } from '../excerpt.ts'

/** Headers by lower-case name. */
export type Headers = Record<string, string>

/** Which headers a subrequest takes from where. Made once from the options. */
export interface HeaderPolicy {
  /** Only the batch request sets these. */
  readonly isProtected: (name: string) => boolean
  /** The batch request sets these unless the item does. */
  readonly inherited: ReadonlySet<string>
}

/** The default of the option `inheritHeaders`. */
export const defaultInheritHeaders: readonly string[] = Object.freeze([
  'authorization', 'cookie', 'user-agent', 'accept-language', 'traceparent', 'tracestate', 'baggage'
])

/** The default of the option `protectedHeaders`: what apps and the proxies in front of them base trust on. */
export const defaultProtectedHeaders: readonly string[] = Object.freeze([
  'cookie', 'origin', 'referer', 'sec-*',
  'forwarded', 'x-forwarded-*', 'x-real-ip', 'true-client-ip', 'via', 'proxy-*', 'cf-*', 'x-remote-*', 'x-ssl-*',
  'x-client-*', 'x-amzn-*', 'x-goog-*', 'x-envoy-*', 'x-original-*',
  'x-http-method', 'x-http-method-override', 'x-method-override'
])

/** Says to an upstream that a request is a subrequest: see `marker.ts`. */
export const markerHeader = 'batch-subrequest'

const maxHeaders = 64
const maxBytes = 16_384

// RFC 9110 section 5.6.2, in lower case. A property of the name `__proto__` would be no property.
const token = /^(?!__proto__$)[!#$%&'*+\-.^_`|~0-9a-z]+$/

// Visible ASCII, space and tab. What else a socket lets through is read as latin1 by some and as utf-8 by others.
const fieldValue = /^[\t\x20-\x7e]*$/

// Hop-by-hop (RFC 9110 section 7.6.1), framing, and the encoding that only the whole answer may have.
const dropped = new Set([
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length', 'expect',
  'accept-encoding'
])

/**
 * Makes a policy from lists of lower-case names. In `protectedHeaders`, `name*` stands for every name that begins so.
 * `host` and our own marker are always protected.
 */
export function headerPolicy (protectedHeaders: readonly string[], inheritHeaders: readonly string[]): HeaderPolicy {
  const names = new Set(['host', markerHeader, ...protectedHeaders.filter(name => !name.endsWith('*'))])
  const prefixes = protectedHeaders.filter(name => name.endsWith('*')).map(name => name.slice(0, -1))
  return Object.freeze({
    isProtected: (name: string) => names.has(name) || prefixes.some(prefix => name.startsWith(prefix)),
    inherited: new Set(inheritHeaders)
  })
}

/** Gives the headers that a batch request hands to each of its subrequests. */
export function inheritedHeaders (from: NodeJS.Dict<string | string[]>, policy: HeaderPolicy): Headers {
  const headers: Headers = {}
  for (const name in from) {
    const value = from[name]
    if (typeof value !== 'string' || dropped.has(name)) continue
    if (policy.inherited.has(name) || policy.isProtected(name)) headers[name] = value
  }
  // HTTP/2 names the server in a field of its own (RFC 9113 section 8.3.1).
  const authority = from[':authority']
  if (typeof authority === 'string') headers.host ??= authority
  return headers
}

/**
 * Gives the headers that an item sets over those that it inherits.
 * @throws InvalidHeaderError, ProtectedHeaderError
 */
export function readItemHeaders (item: Readonly<Headers>, policy: HeaderPolicy, place: string): Headers {
  const headers: Headers = {}
  const seen = new Set<string>()
  let bytes = 0

  for (const given in item) {
    const name = given.toLowerCase()
    const value = item[given]!
    if (!token.test(name)) throw new InvalidHeaderError(at(place, name), 'is not a header name')
    if (!fieldValue.test(value)) throw new InvalidHeaderError(at(place, name), 'has a character that a header may not have')
    if (policy.isProtected(name)) throw new ProtectedHeaderError(at(place, name))
    if (seen.has(name)) throw new InvalidHeaderError(at(place, name), 'is given twice')
    if (seen.add(name).size > maxHeaders) throw new InvalidHeaderError(place, `more than ${maxHeaders} headers`)
    bytes += name.length + value.length
    if (bytes > maxBytes) throw new InvalidHeaderError(place, `longer than ${maxBytes} bytes`)
    if (!dropped.has(name)) headers[name] = value.trim()
  }
  return headers
}

function at (place: string, name: string): string {
  return `${place}/${excerpt(name)}`
}
