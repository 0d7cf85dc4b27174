import { Buffer } from 'node:buffer'
import { ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Subresponse } from '../subresponse.ts'
import { callSoon, endSoon, isAlone, type EndingResponse } from './direct-end.ts'
import { endRequest } from './direct-request.ts'
import type { DirectSocket } from './direct-socket.ts'

/** The status line and the headers of an answer. */
export type Head = Pick<Subresponse, 'status' | 'reason' | 'headers'>

const kHead = Symbol('fastify-batch-requests.head')
const kPlain = Symbol('fastify-batch-requests.plain')

type HeaderValue = OutgoingHttpHeaders[string]
type GivenHeaders = OutgoingHttpHeaders | HeaderValue[] | Array<[name: string, value: HeaderValue]> | null | undefined

type Callback = (error: null) => void

/** What of a response is Node's own business, and where it leaves for its socket. */
interface Response extends EndingResponse {
  [kHead]?: Head
  /** Whether Node had nothing to say about the head. */
  [kPlain]?: true
  chunkedEncoding: boolean
  _header: string
  readonly _hasBody: boolean
  _contentLength: number | null
  _closed: boolean
  destroyed: boolean
  readonly strictContentLength: boolean
  readonly writableCorked: number
  _storeHeader (statusLine: string, headers: GivenHeaders): void
  _send (data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: Callback | null): boolean
}

// Its second argument is not in the types of Node.
const ResponseWithOptions = ServerResponse as unknown as new (request: IncomingMessage, options: object) => Response

const { _storeHeader: writeHeaderText, end } = ServerResponse.prototype as Response

/**
 * Makes a response of Node's own that leaves its answer with a `DirectSocket`.
 *
 * Three methods are ours: the one that makes the text of the head, the one that sends parts of the body, and the end of
 * answers that nobody watches. All else, the checks, the states, the callbacks and the order of events, is Node's own,
 * in every version. They are properties of the object itself, as Express takes the prototype away.
 */
export function createResponse (request: IncomingMessage, socket: DirectSocket, server: object): ServerResponse {
  // `highWaterMark` and `rejectNonStandardBodyWrites` are properties of a server and options of its responses.
  const response = new ResponseWithOptions(request, server)
  response._storeHeader = storeHeader
  response._send = send
  // Somebody else may have replaced it, to see all answers end.
  if (response.end === end) response.end = endWhole as Response['end']
  assign(socket, response)
  response.on('finish', onFinish)
  return response
}

/** As `assignSocket` does, but without a listener at the socket: `closeResponse` is called in its place. */
function assign (socket: DirectSocket, response: Response): void {
  socket._httpMessage = response as unknown as DirectSocket['_httpMessage'];
  (response as { socket: Socket | null }).socket = socket as unknown as Socket
}

/** As `detachSocket` does. */
function detach (socket: DirectSocket, response: Response): void {
  socket._httpMessage = null;
  (response as { socket: Socket | null }).socket = null
}

/** Gives the head that a response has sent. */
export function headOf (response: ServerResponse): Head {
  return (response as Response)[kHead]!
}

function storeHeader (this: Response, statusLine: string, given: GivenHeaders): void {
  const plain = plainHeaders(given)
  if (plain !== undefined) {
    this._header = statusLine
    this._contentLength = Number(plain['content-length'])
    this[kHead] = { status: this.statusCode, reason: this.statusMessage, headers: plain }
    this[kPlain] = true
    return
  }
  writeHeaderText.call(this, statusLine, given)
  // There is no text to be put into chunks.
  this.chunkedEncoding = false
  // Node hands its own table over where any header was set before.
  const headers = readHeaders(this.getHeaderNames().length > 0 ? this.getHeaders() : given)
  const { _contentLength: length } = this
  if (length !== null && !('content-length' in headers) && this._header.endsWith(`\r\nContent-Length: ${length}\r\n\r\n`)) {
    headers['content-length'] = String(length)
  }
  this[kHead] = { status: this.statusCode, reason: this.statusMessage, headers }
}

function send (
  this: Response, data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: Callback | null
): boolean {
  const socket = this.socket as unknown as DirectSocket | null
  if (socket === null || socket.destroyed) return false
  this._headerSent = true
  if (typeof callback === 'function') callSoon(this, callback, null)
  if (data.length === 0) return true
  if (typeof data === 'string') return socket.keep(encoding == null || encoding === 'utf8' ? data : Buffer.from(data, encoding))
  // A copy: whoever wrote it may use its memory again.
  return socket.keep(Buffer.from(data))
}

/** Ends what is nothing but a plain head and a body, and leaves all else to Node. */
function endWhole (this: Response, data?: unknown, encoding?: unknown, callback?: unknown): Response {
  const socket = this.socket as unknown as DirectSocket | null
  if (encoding == null && callback == null && (typeof data === 'string' || data instanceof Uint8Array) && isWhole(this)) {
    send.call(this, data)
    if (socket?.destroyed === false) {
      endSoon(this)
      socket.answered()
      return this
    }
  }
  return end.call(this, data, encoding as BufferEncoding, callback as () => void) as Response
}

/** Whether a response has a plain head, and nobody waits for its end. */
function isWhole (response: Response): boolean {
  return response[kPlain] === true && response._hasBody && !response.finished && !response.strictContentLength &&
    response.writableCorked === 0 && isAlone(response)
}

/** What a server does when a response is complete, in its order. */
function onFinish (this: Response): void {
  const socket = this.socket as unknown as DirectSocket
  endRequest(this.req)
  detach(socket, this)
  callSoon(this, closeResponse, this)
  socket.answered()
}

/** Tells a response that its connection is no longer there for it. */
export function closeResponse (given: ServerResponse): void {
  const response = given as Response
  if (response._closed) return
  response.destroyed = true
  response._closed = true
  response.emit('close')
}

// Visible ASCII, space and tab.
const plainValue = /^[\t\x20-\x7e]*$/
// In lower case, and none that says how the body or the connection is to be understood.
const plainName = /^(?!connection$|keep-alive$|trailer$|transfer-encoding$|__proto__$)[a-z0-9-]+$/

/**
 * Gives headers that Node would send just as they are, with the length of the body among them, or `undefined`. Most are
 * such, and their text, which nobody reads, need not be written.
 */
function plainHeaders (given: GivenHeaders): Record<string, string> | undefined {
  if (Array.isArray(given)) return undefined
  const headers = { ...given } as Record<string, string>
  for (const name in headers) {
    const value = headers[name]
    if (typeof value !== 'string' || !plainValue.test(value) || !plainName.test(name)) return undefined
  }
  return headers['content-length'] === undefined ? undefined : headers
}

/** An object that inherits no names: a header may have any name, `constructor` and `__proto__` as well. */
const Headers = function () {} as unknown as new () => Record<string, string | string[]>
Headers.prototype = Object.create(null)

function readHeaders (given: GivenHeaders): Record<string, string | string[]> {
  const headers = new Headers()
  if (!Array.isArray(given)) {
    for (const name in given) if (Object.hasOwn(given, name)) add(headers, name, given[name])
  } else if (Array.isArray(given[0])) {
    for (const [name, value] of given as Array<[string, HeaderValue]>) add(headers, name, value)
  } else {
    for (let i = 0; i < given.length; i += 2) add(headers, given[i] as string, given[i + 1] as HeaderValue)
  }
  return headers
}

/** Adds a header as a client gets it: one line for each value, and lines of the same name are together. */
function add (headers: Record<string, string | string[]>, givenName: string, value: HeaderValue): void {
  const name = givenName.toLowerCase()
  const before = headers[name]
  if (before === undefined && !Array.isArray(value)) {
    headers[name] = String(value)
    return
  }
  const lines = [before ?? [], value as string | string[]].flat().map(String)
  if (lines.length > 0) headers[name] = lines.length === 1 ? lines[0]! : lines
}
