import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import process from 'node:process'
import { getDefaultHighWaterMark } from 'node:stream'
import type { Connection } from '../parent.ts'
import { VirtualSocket } from './virtual-socket.ts'

interface Response extends ServerResponse {
  readonly outputData: Array<{ data: string, encoding: string, callback: null }>
  _flush (): void
}

/** Who a socket answers for. */
export interface SocketOwner {
  /** Called when the connection closes, before its listeners are. */
  onClose (): void
  /** Called once: when the request was answered, or else when the connection has closed. */
  onEnd (answered: boolean): void
}

/**
 * The connection of one subrequest, as its server has it. What is sent on it is kept, up to a limit. When it is
 * destroyed, request and response get to know in the order in which they hear of a `net.Socket`.
 */
export class DirectSocket extends VirtualSocket {
  /** Milliseconds without activity after which there is a `timeout`. */
  timeout: number | undefined

  /** The request that waits for its answer: none before it came, and none when it was answered. */
  request: IncomingMessage | undefined
  /** A request that gets its end when it is read. */
  unread: IncomingMessage | undefined
  /** The response that owns this socket. Known to Node by this name. */
  _httpMessage: Response | null = null
  /** Whether the answer was broken off because it passed the limit. */
  tooLarge = false

  #chunks: Array<Buffer | string> | undefined
  #bytesLeft: number
  #waiting = 0
  #timer: NodeJS.Timeout | undefined
  readonly #owner: SocketOwner

  constructor (connection: Connection, maxBytes: number, owner: SocketOwner) {
    super(connection)
    this.#bytesLeft = maxBytes
    this.#owner = owner
  }

  get readableHighWaterMark (): number { return getDefaultHighWaterMark(false) }
  get writableHighWaterMark (): number { return getDefaultHighWaterMark(false) }

  /** What a kernel takes at once counts as sent. */
  override get writableLength (): number {
    return this.#waiting < this.writableHighWaterMark ? 0 : this.#waiting
  }

  /**
   * Keeps a part of the answer, or breaks the answer off when it passes the limit.
   * @returns false if the writer is to wait for `drain`, as with any other socket, or for ever
   */
  keep (chunk: Buffer | string): boolean {
    const bytes = Buffer.byteLength(chunk)
    this.#timer?.refresh()
    this.#bytesLeft -= bytes
    if (this.#bytesLeft < 0) {
      this.tooLarge = true
      this.destroy()
      return false
    }
    if (this.#chunks === undefined) this.#chunks = [chunk]
    else this.#chunks.push(chunk)
    this.#waiting += bytes
    if (this.#waiting < this.writableHighWaterMark) return true
    // Others get their turns while a long answer is written.
    if (this.#waiting - bytes < this.writableHighWaterMark) setImmediate(() => { this.#drain() })
    return false
  }

  /** To be called when the answer is complete. The connection stays. */
  answered (): void {
    if (this.request === undefined) return
    this.request = undefined
    clearTimeout(this.#timer)
    this.#owner.onEnd(true)
  }

  /** Gives what was kept. */
  read (): Buffer | string {
    const chunks = this.#chunks ?? ['']
    if (chunks.length === 1) return chunks[0]!
    return Buffer.concat(chunks.map(chunk => typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
  }

  /** Closes the connection from the other end, as a client does that goes away. */
  abort (): void {
    const { request } = this
    if (this.destroyed || request === undefined) return
    // Nobody tells a request that is over, as its body was read. What hangs on it is to end with it nevertheless.
    const isOver = request.destroyed
    this.#shut()
    this.#close()
    if (!isOver) return
    request.aborted = true
    request.emit('aborted')
    request.emit('close')
  }

  override destroy (error?: Error): this {
    if (this.destroyed) return this
    this.#shut()
    if (error) process.nextTick(() => { if (this.listenerCount('error') > 0) this.emit('error', error) })
    // A handle is closed in a later turn of the event loop: what has been ended by then is complete.
    setImmediate(() => { this.#close() })
    return this
  }

  destroySoon (): this { return this.destroy() }

  /** Called by a request when somebody reads it. */
  override resume (): this {
    const { unread } = this
    this.unread = undefined
    unread?.push(null)
    return super.resume()
  }

  override setTimeout (milliseconds: number, callback?: () => void): this {
    clearTimeout(this.#timer)
    this.timeout = milliseconds
    if (milliseconds > 0) {
      this.#timer = setTimeout(() => { this.#onTimeout() }, milliseconds).unref()
      if (callback !== undefined) this.once('timeout', callback)
    } else if (callback !== undefined) {
      this.removeListener('timeout', callback)
    }
    return this
  }

  #shut (): void {
    this.destroyed = true
    clearTimeout(this.#timer)
  }

  #drain (): void {
    this.#waiting = 0
    const response = this._httpMessage
    if (response === null || response.writableEnded) return
    // The way to `drain` that a response has by itself: it flushes what it held back, which is nothing.
    response.outputData.push({ data: '', encoding: 'latin1', callback: null })
    response._flush()
  }

  #close (): void {
    const { request } = this
    this.request = undefined
    this.#chunks = undefined
    request?.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }))
    this.#owner.onClose()
    this.emit('close', false)
    if (request !== undefined) this.#owner.onEnd(false)
  }

  #onTimeout (): void {
    const { request, _httpMessage: response } = this
    const heard = [request?.complete === false && request.emit('timeout', this), response?.emit('timeout', this)]
    if (!heard.includes(true)) this.destroy()
    this.emit('timeout')
  }
}
