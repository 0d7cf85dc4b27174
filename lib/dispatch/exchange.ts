import { Buffer } from 'node:buffer'
import type { EventEmitter } from 'node:events'
import { ServerResponse, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import process from 'node:process'
import type { FastifyError } from 'fastify'
import { ResponseTooLargeError, UnsupportedInjectError } from '../errors.ts'
import type { Subrequest } from '../subrequest.ts'
import type { Subresponse } from '../subresponse.ts'
import { identify, type Passage } from './identity.ts'
import { VirtualSocket } from './virtual-socket.ts'

const kExchange = Symbol('fastify-batch-requests.exchange')

const addedByInject = ['user-agent', 'host']

// The urls that pass the grammar of items but not the `new URL()` of inject unchanged.
const rewrittenByInject = /['^]|\?$/

interface InjectedRequest extends IncomingMessage {
  isLightMyRequest?: true
  _lightMyRequest?: { simulate?: unknown }
  originalUrl?: string
}

interface InjectedResponse extends ServerResponse {
  _lightMyRequest?: { headers: object, trailers: object, onEndSuccess?: (response: unknown) => void }
  [kExchange]?: Exchange
}

/**
 * One request that inject makes, mended where inject has no option for it.
 *
 * inject gives no handle on its request. It keeps the object that it is given as `simulate`, though, and so an exchange
 * that goes in there is found again on the request in a root hook. It is a class, because only an instance of it can be
 * told from what anybody else passes to inject.
 */
export class Exchange implements Passage {
  readonly subrequest: Subrequest
  untracked = false
  readonly #maxResponseBytes: number
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #request: IncomingMessage | undefined
  #response: ServerResponse | undefined
  #aborted = false

  #subresponse: Subresponse | undefined

  /** Why there is no answer, if the plugin itself broke it off. */
  failure: FastifyError | undefined

  constructor (subrequest: Subrequest, maxResponseBytes: number) {
    this.subrequest = subrequest
    this.#maxResponseBytes = maxResponseBytes
  }

  /**
   * Gives the exchange that a request belongs to, or `undefined` for every other request.
   * @throws UnsupportedInjectError if that cannot be told, so that no subrequest passes for another request
   */
  static of (request: IncomingMessage): Exchange | undefined {
    const { isLightMyRequest, _lightMyRequest: injected } = request as InjectedRequest
    if (isLightMyRequest === undefined) return undefined
    if (injected?.simulate === undefined) throw new UnsupportedInjectError()
    return injected.simulate instanceof Exchange ? injected.simulate : undefined
  }

  /** Makes request and response what they would be with a socket. */
  adopt (request: IncomingMessage, response: ServerResponse): void {
    this.#request = request
    this.#response = response
    identify(request, this.subrequest)
    restoreUrl(request, this.subrequest)
    restoreHeaders(request, this.subrequest)
    request.socket = new ExchangeSocket(this) as unknown as Socket
    takeOver(response, this)
    if (this.#aborted) this.#close()
  }

  /** Closes the request and the response, as a client does that goes away. */
  abort (): void {
    this.#aborted = true
    this.#chunks.length = 0
    this.#close()
  }

  /**
   * Keeps a part of the answer, or breaks the answer off when it gets too large: inject would keep all of it, and never
   * lets a stream wait.
   * @returns false if nothing more is wanted
   */
  keep (chunk: Buffer): boolean {
    if (this.#aborted) return false
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxResponseBytes) {
      this.failure ??= new ResponseTooLargeError(this.#maxResponseBytes)
      this.abort()
      return false
    }
    this.#chunks.push(chunk)
    return true
  }

  /**
   * Keeps the answer, and lets go of the rest. Every request that inject makes survives in the heap until the next full
   * collection (V8 keeps the accessor that inject gives it among the old objects). What hangs on it, would as well.
   */
  complete (): Subresponse {
    const request = this.#request!
    const response = this.#response!
    const { statusCode: status, statusMessage: reason } = response
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    const subresponse = this.#subresponse = { status, reason, headers: toStrings(response.getHeaders()), body }

    this.#chunks.length = 0
    this.#request = this.#response = undefined
    if (response.socket !== null) response.detachSocket(response.socket)
    removeFirstListener(request, 'error')
    removeFirstListener(request, 'close')
    return subresponse
  }

  /**
   * Gives the answer that the app completed, once, or `undefined` if it did so before the root hook was reached.
   * The exchange lets go of it: it survives with its request, as `complete` says.
   */
  take (): Subresponse | undefined {
    const subresponse = this.#subresponse
    this.#subresponse = undefined
    return subresponse
  }

  #close (): void {
    const request = this.#request
    if (request === undefined || request.aborted) return
    request.aborted = true
    request.destroyed = true
    this.#response!.destroy()
    request.emit('aborted')
    request.emit('close')
  }
}

class ExchangeSocket extends VirtualSocket {
  readonly #exchange: Exchange

  constructor (exchange: Exchange) {
    super(exchange.subrequest.connection)
    this.#exchange = exchange
  }

  override destroy (): this {
    super.destroy()
    this.#exchange.abort()
    return this
  }
}

function restoreUrl (request: InjectedRequest, { url }: Subrequest): void {
  if (!rewrittenByInject.test(url)) return
  const { pathname, search } = new URL(url, 'http://localhost')
  const rewritten = pathname + search
  if (request.url === rewritten) request.url = url
  if (request.originalUrl === rewritten) request.originalUrl = url
}

/** Takes away what inject adds where the batch request has none. */
function restoreHeaders (request: IncomingMessage, { headers }: Subrequest): void {
  for (const name of addedByInject) {
    if (headers[name] !== undefined) continue
    delete request.headers[name]
    // Names stand at even places: between them, a value may be the same word.
    request.rawHeaders.splice(request.rawHeaders.findIndex((entry, n) => n % 2 === 0 && entry === name), 2)
  }
}

/**
 * Makes the response leave its answer with the exchange. What inject does with it instead is more work (it looks for
 * three headers with regular expressions, copies and decodes the body, and keeps all of it as `complete` says), and has
 * no limit.
 */
function takeOver (response: InjectedResponse, exchange: Exchange): void {
  const { onEndSuccess } = response._lightMyRequest!
  if (onEndSuccess === undefined) throw new UnsupportedInjectError()
  removeFirstListener(response, 'finish')
  response.once('finish', () => { onEndSuccess(exchange.complete()) })
  response.detachSocket(response.socket!)
  response.assignSocket(response.req.socket)
  response.writeHead = ServerResponse.prototype.writeHead
  // Properties of the object itself, all of them: Express takes the prototype of inject away.
  response.write = write as ServerResponse['write']
  response.end = end as ServerResponse['end']
  response.destroy = destroy
  response._lightMyRequest = { headers: {}, trailers: {} }
  response[kExchange] = exchange
}

/** Removes the listener that inject has added, before anyone else could. */
function removeFirstListener (emitter: EventEmitter, event: string): void {
  const [listener] = emitter.listeners(event)
  if (listener !== undefined) emitter.removeListener(event, listener as () => void)
}

function write (this: InjectedResponse, chunk: string | Buffer, encoding: BufferEncoding, callback: () => void) {
  const { writableEnded } = this
  ServerResponse.prototype.write.call(this, chunk, encoding, callback)
  if (writableEnded) return false
  return isBodiless(this) || this[kExchange]!.keep(Buffer.from(chunk as string, encoding))
}

type Callback = () => void

function end (
  this: InjectedResponse, chunk?: string | Buffer | Callback, encoding?: BufferEncoding | Callback, callback?: Callback
): InjectedResponse {
  if (typeof chunk === 'function') return end.call(this, undefined, undefined, chunk)
  if (typeof encoding === 'function') return end.call(this, chunk, undefined, encoding)
  if (chunk) this.write(chunk, encoding!)
  ServerResponse.prototype.end.call(this, undefined, 'utf8', callback)
  this.emit('finish')
  this.destroy()
  return this
}

/** Its socket stays: it is destroyed only by hand, and that breaks the answer off. */
function destroy (this: InjectedResponse, error?: Error) {
  if (this.destroyed) return this
  this.destroyed = true
  process.nextTick(() => {
    if (error) this.emit('error', error)
    this.emit('close')
  })
  return this
}

/** RFC 9110 sections 9.3.2, 15.3.5 and 15.4.5: what is written to these responses is not sent. */
export function isBodiless ({ req, statusCode }: ServerResponse): boolean {
  return req.method === 'HEAD' || statusCode === 204 || statusCode === 304
}

function toStrings (headers: OutgoingHttpHeaders): Subresponse['headers'] {
  const strings: Record<string, string | string[]> = {}
  for (const name in headers) {
    const value = headers[name]
    strings[name] = Array.isArray(value) ? value.map(String) : String(value)
  }
  return strings
}
