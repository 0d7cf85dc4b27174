import { InvalidMethodError, InvalidUrlError } from './errors.ts'
import { excerpt } from './excerpt.ts'
import type { Connection, Origin, Parent } from './parent.ts'
import { encodeBody } from './subrequest/body.ts'
import { setItemHeaders, type HeaderPolicy, type Headers } from './subrequest/headers.ts'
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

/** A subrequest of which it is not known when it will start. */
export interface UnstartedSubrequest extends Omit<Subrequest, 'batch'> {
  readonly batch: Omit<BatchContext, 'deadline' | 'transaction'>
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

/**
 * Turns an item into a subrequest, or throws the first reason why it cannot be one.
 * @throws InvalidMethodError, InvalidUrlError, InvalidHeaderError, ProtectedHeaderError, InvalidBodyError
 */
export function buildSubrequest (
  item: BatchItem, index: number, parent: Parent, rules: SubrequestRules
): UnstartedSubrequest {
  const { requestId, size, route, connection, origin } = parent
  const method = rules.methods.has(item.method) ? item.method : item.method.toUpperCase()
  if (!rules.methods.has(method)) {
    throw new InvalidMethodError(`batch/${index}/method`, `"${excerpt(item.method)}" is not supported`)
  }
  const reason = refuseUrl(item.url)
  if (reason !== undefined) throw new InvalidUrlError(`batch/${index}/url`, reason)

  const body = encodeBody(item, index)
  const headers = { ...parent.headers }
  if (item.headers !== undefined) setItemHeaders(headers, item.headers, rules.headerPolicy, `batch/${index}/headers`)
  if (body !== undefined) headers['content-type'] ??= rules.defaultContentType
  if (rules.requestIdHeader !== false) headers[rules.requestIdHeader] = `${requestId}.${index}`

  const { id } = item
  const batch = id === undefined ? { requestId, index, size } : { requestId, index, size, id }
  return { method, url: item.url, headers, body, connection, origin, batch, route }
}

/**
 * Gives a subrequest as it is handed to an executor, whose handlers find at `request.batch` when it will be given up,
 * in milliseconds since 1970, and the transaction of an atomic batch.
 */
export function begin (subrequest: UnstartedSubrequest, deadline: number, transaction: unknown): Subrequest {
  const { method, url, headers, body, connection, origin, route } = subrequest
  const { requestId, index, size, id } = subrequest.batch
  const common = { requestId, index, size, deadline: Math.floor(deadline) }
  const batch = id === undefined ? common : { ...common, id }
  if (transaction !== undefined) Object.defineProperty(batch, 'transaction', { value: transaction })
  return { method, url, headers, body, connection, origin, batch: Object.freeze(batch), route }
}
