import { EventEmitter } from 'node:events'
import process from 'node:process'
import type { PeerCertificate } from 'node:tls'
import type { Connection } from '../parent.ts'

const writableState = { corked: 0 }

// The table of listeners is made with the first of them, by Node. Most of these sockets never have one.
const LazyEmitter = function () {} as unknown as typeof EventEmitter
LazyEmitter.prototype = EventEmitter.prototype

/**
 * The batch's connection, as a subrequest sees it at `request.socket` and `response.socket`.
 * It tells who is at the other end. What a response writes to it is dropped: its dispatcher has that already.
 */
export class VirtualSocket extends LazyEmitter {
  destroyed = false

  // Over TLS alone: a plain socket does not have these.
  declare readonly encrypted?: true
  declare readonly authorized?: boolean
  declare readonly authorizationError?: string
  /** The certificate of the client, empty if it sent none. */
  declare readonly getPeerCertificate?: () => PeerCertificate

  readonly #connection: Connection

  constructor (connection: Connection) {
    super()
    this.#connection = connection
    if (connection.encrypted !== true) return
    this.encrypted = true
    this.authorized = connection.authorized
    this.authorizationError = connection.authorizationError
    this.getPeerCertificate = () => connection.peerCertificate ?? {} as PeerCertificate
  }

  get remoteAddress (): string | undefined { return this.#connection.remoteAddress }
  get remotePort (): number | undefined { return this.#connection.remotePort }
  get remoteFamily (): string | undefined { return this.#connection.remoteFamily }
  get localAddress (): string | undefined { return this.#connection.localAddress }
  get localPort (): number | undefined { return this.#connection.localPort }

  /** Set by the end of a response, as if this were a stream, and never read. */
  get _writableState (): { corked: number } { return writableState }

  get readable (): boolean { return !this.destroyed }
  get writable (): boolean { return !this.destroyed }
  get writableLength (): number { return 0 }
  get writableCorked (): number { return 0 }

  write (_chunk: unknown, encoding: unknown, callback: unknown): boolean {
    const written = typeof encoding === 'function' ? encoding : callback
    if (typeof written === 'function') process.nextTick(written, null)
    return true
  }

  /** Ends this subrequest, not the connection: other subrequests go on. */
  destroy (_error?: Error): this {
    this.destroyed = true
    return this
  }

  cork (): void {}
  uncork (): void {}
  pause (): this { return this }
  resume (): this { return this }
  setTimeout (_milliseconds: number, _callback?: () => void): this { return this }
  setKeepAlive (): this { return this }
  setNoDelay (): this { return this }
  ref (): this { return this }
  unref (): this { return this }
}
