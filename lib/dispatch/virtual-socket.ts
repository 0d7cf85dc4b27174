import { EventEmitter } from 'node:events'
import type { PeerCertificate } from 'node:tls'
import type { Connection } from '../parent.ts'

/**
 * The batch's connection, as a subrequest sees it at `request.socket` and `response.socket`.
 * It tells who is at the other end. What a response writes to it is dropped: its dispatcher has that already.
 */
export class VirtualSocket extends EventEmitter {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly remoteFamily: string | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly encrypted: true | undefined
  readonly authorized: boolean | undefined
  readonly authorizationError: string | undefined

  readonly readable = true
  readonly writable = true
  readonly writableLength = 0
  /** Set by the end of a response, as if this were a stream. */
  readonly _writableState = { corked: 0 }
  destroyed = false

  /** Over TLS alone: the certificate of the client, empty if it sent none. */
  readonly getPeerCertificate?: () => PeerCertificate

  readonly #onDestroy: () => void

  constructor (connection: Connection, onDestroy: () => void) {
    super()
    this.remoteAddress = connection.remoteAddress
    this.remotePort = connection.remotePort
    this.remoteFamily = connection.remoteFamily
    this.localAddress = connection.localAddress
    this.localPort = connection.localPort
    this.encrypted = connection.encrypted
    this.authorized = connection.authorized
    this.authorizationError = connection.authorizationError
    this.#onDestroy = onDestroy
    if (connection.encrypted) this.getPeerCertificate = () => connection.peerCertificate ?? {} as PeerCertificate
  }

  write (_chunk: unknown, _encoding: unknown, callback: unknown): boolean {
    if (typeof callback === 'function') process.nextTick(callback)
    return true
  }

  /** Ends this subrequest, not the connection: other subrequests go on. */
  destroy (): this {
    this.destroyed = true
    this.#onDestroy()
    return this
  }

  cork (): void {}
  uncork (): void {}
  setTimeout (): this { return this }
  setKeepAlive (): this { return this }
  setNoDelay (): this { return this }
  ref (): this { return this }
  unref (): this { return this }
}
