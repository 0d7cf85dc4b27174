import { Buffer } from 'node:buffer'
import { ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import process from 'node:process'
import type { Subresponse } from '../subresponse.ts'
import { endRequest } from './direct-request.ts'
import type { DirectSocket } from './direct-socket.ts'

/** The status line and the headers of an answer. */
export type Head = Pick<Subresponse, 'status' | 'reason' | 'headers'>

const kHead = Symbol('fastify-batch-requests.head')

type HeaderValue = OutgoingHttpHeaders[string]
type GivenHeaders = OutgoingHttpHeaders | HeaderValue[] | Array<[name: string, value: HeaderValue]> | null | undefined

/** What of a response is Node's own business, and where it leaves for its socket. */
interface Response extends ServerResponse<IncomingMessage> {
  [kHead]?: Head
  chunkedEncoding: boolean
  _header: string
  _headerSent: boolean
  _contentLength: number | null
  _closed: boolean
  destroyed: boolean
  _storeHeader (statusLine: string, headers: GivenHeaders): void
  _send (data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: (() => void) | null): boolean
}

// Its second argument is not in the types of Node.
const ResponseWithOptions = ServerResponse as unknown as new (request: IncomingMessage, options: object) => Response

const { _storeHeader: writeHeaderText } = ServerResponse.prototype as Response

/**
 * Makes a response of Node's own that leaves its answer with a `DirectSocket`.
 *
 * Two methods are ours: the one that makes the text of the head, and the one that sends parts of the body. All else,
 * the checks, the states, the callbacks and the order of events, is Node's own, in every version. They are properties
 * of the object itself, as Express takes the prototype away.
 */
export function createResponse (request: IncomingMessage, socket: DirectSocket, server: object): ServerResponse {
  // `highWaterMark` and `rejectNonStandardBodyWrites` are properties of a server and options of its responses.
  const response = new ResponseWithOptions(request, server)
  response._storeHeader = storeHeader
  response._send = send
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
  this: Response, data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: (() => void) | null
): boolean {
  const socket = this.socket as unknown as DirectSocket | null
  if (socket === null || socket.destroyed) return false
  this._headerSent = true
  if (typeof callback === 'function') process.nextTick(callback, null)
  if (data.length === 0) return true
  // A copy: whoever wrote it may use its memory again.
  return socket.keep(typeof data === 'string' ? Buffer.from(data, encoding ?? 'utf8') : Buffer.from(data))
}

/** What a server does when a response is complete, in its order. */
function onFinish (this: Response): void {
  const socket = this.socket as unknown as DirectSocket
  endRequest(this.req)
  detach(socket, this)
  process.nextTick(closeResponse, this)
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
