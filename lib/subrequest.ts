import { InvalidMethodError, InvalidUrlError } from './errors.ts'
import { excerpt } from './excerpt.ts'
import type { Connection, Origin, Parent } from './parent.ts'
import { encodeBody } from './subrequest/body.ts'
import { readItemHeaders, type HeaderPolicy, type Headers } from './subrequest/headers.ts'
import { refuseUrl } from './subrequest/url.ts'
import type { BatchItem } from './wire/schema.ts'

/** What a handler finds at `request.batch` inside a subrequest. */
export interface BatchContext {
  /** The id of the batch request, `request.id` there. */
  readonly requestId: string
  /** The place of the item in the batch, from 0. */
  readonly index: number
  /** How many items the batch has. */
  readonly size: number
  /** The `id` of the item, if it has one. */
  readonly id?: string
  /**
   * When this subrequest will be given up, in milliseconds since 1970 as of `Date.now()`: the sooner of the end of its
   * own time and that of the batch. To be passed on to what the handler calls.
   */
  readonly deadline: number
  /**
   * What the `transaction` adapter of the batch route gave for this batch. Only in atomic batches.
   * It is not enumerable: neither logs nor copies have it.
   */
  readonly transaction?: unknown
}

/** An item that is ready to run. Plain data, so that it crosses inject, IPC, HTTP and Redis unchanged. */
export interface Subrequest {
  /** Upper case. */
  readonly method: string
  /** Path and query, from the root of the app. */
  readonly url: string
  /** By lower-case name, `content-length` left out. */
  readonly headers: Readonly<Headers>
  readonly body: Uint8Array | undefined
  /** The connection of the batch request, which is this one's too. */
  readonly connection: Connection
  /** What the batch request was sent to, and with it this one. */
  readonly origin: Origin
  readonly batch: BatchContext
  /** The batch route that it came through: the guard knows by it what may be batched. */
  readonly route: string
}

/** What an item that was checked sends besides its method and url. */
export interface Content {
  /** Headers of its own, by lower-case name. `undefined` if it has none. */
  readonly headers: Readonly<Headers> | undefined
  readonly body: Uint8Array | undefined
}

/** What is known of an item when it starts. */
export interface Start extends Pick<BatchContext, 'index' | 'transaction'> {
  readonly content: Content
  /** In milliseconds since 1970, with fractions. */
  readonly deadline: number
}

/** What is the same for all subrequests of a batch route. */
export interface SubrequestRules {
  readonly headerPolicy: HeaderPolicy
  readonly defaultContentType: string
  /** The methods that the app supports, upper case. */
  readonly methods: ReadonlySet<string>
  /** The header that gives a request its id, if the app has one. */
  readonly requestIdHeader: string | false
}

// Most items send none, and share it.
const noContent: Content = { headers: undefined, body: undefined }

/**
 * Checks an item by itself, and gives what it sends, or throws the first reason why it cannot be a subrequest.
 * @throws InvalidMethodError, InvalidUrlError, InvalidHeaderError, ProtectedHeaderError, InvalidBodyError
 */
export function checkItem (item: BatchItem, index: number, { methods, headerPolicy }: SubrequestRules): Content {
  if (knownMethod(item.method, methods) === undefined) {
    throw new InvalidMethodError(`batch/${index}/method`, `"${excerpt(item.method)}" is not supported`)
  }
  const reason = refuseUrl(item.url)
  if (reason !== undefined) throw new InvalidUrlError(`batch/${index}/url`, reason)
  const body = encodeBody(item, index)
  const headers = item.headers && readItemHeaders(item.headers, headerPolicy, `batch/${index}/headers`)
  return headers === undefined && body === undefined ? noContent : { headers, body }
}

/** Gives a method in upper case, or `undefined` if the app does not support it. */
function knownMethod (method: string, methods: ReadonlySet<string>): string | undefined {
  if (methods.has(method)) return method
  const upper = method.toUpperCase()
  return methods.has(upper) ? upper : undefined
}

/**
 * Makes the subrequest of an item that starts. Its handlers find at `request.batch` when it will be given up, in
 * milliseconds since 1970, and the transaction of an atomic batch.
 */
export function buildSubrequest (
  item: BatchItem, { index, content, deadline, transaction }: Start, parent: Parent, rules: SubrequestRules
): Subrequest {
  const { url, id } = item
  const { body } = content
  const { requestId, size, route, connection, origin } = parent
  const method = knownMethod(item.method, rules.methods)!
  // Not `{ ...parent.headers }`: V8 gives each object that is spread, and added to, a hidden class of its own.
  const headers: Headers = Object.assign({}, parent.headers, content.headers)
  if (body !== undefined) headers['content-type'] ??= rules.defaultContentType
  if (rules.requestIdHeader !== false) headers[rules.requestIdHeader] = `${requestId}.${index}`

  const common = { requestId, index, size, deadline: Math.floor(deadline) }
  const batch = id === undefined ? common : Object.assign(common, { id })
  if (transaction !== undefined) Object.defineProperty(batch, 'transaction', { value: transaction })
  return { method, url, headers, body, connection, origin, batch: Object.freeze(batch), route }
}
