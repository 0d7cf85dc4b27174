import { Buffer } from 'node:buffer'
import type { FastifyError } from 'fastify'
import { STATUS_CODES } from 'node:http'
import type { Dispatcher } from 'undici'
import { ConnectionResetError, InvalidResponseError, ResponseTooLargeError } from '../../errors.ts'
import type { ExecutionContext } from '../../executor.ts'
import type { Subresponse } from '../../subresponse.ts'

/** How one try ended: with an answer, without one though the request was sent, or before anything was sent. */
export type Result =
  { readonly subresponse: Subresponse } |
  { readonly error: FastifyError } |
  { readonly unsent: Error }

/** One request to an upstream, as undici goes through it. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** Never rejects. */
  readonly result: Promise<Result>
  readonly #context: ExecutionContext
  readonly #http2: boolean
  readonly #chunks: Buffer[] = []
  #settle!: (result: Result) => void
  #controller: Dispatcher.DispatchController | undefined
  #head: Pick<Subresponse, 'status' | 'reason' | 'headers'> | undefined
  #bytes = 0
  #abandoned: Error | undefined
  #tooLarge: FastifyError | undefined

  constructor (context: ExecutionContext, http2: boolean) {
    this.#context = context
    this.#http2 = http2
    this.result = new Promise(resolve => { this.#settle = resolve })
    context.onAbort(reason => {
      this.#abandoned = reason
      this.#controller?.abort(reason)
    })
  }

  /** The head is about to be written to a connection. What is thrown here keeps undici from that. */
  onRequestStart (controller: Dispatcher.DispatchController): void {
    if (this.#abandoned !== undefined) throw this.#abandoned
    // undici would send once more what was under way behind another request when their connection broke.
    if (this.#controller !== undefined) throw new Error('a request is sent once')
    this.#controller = controller
    this.#context.queued = false
  }

  onResponseStart (controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason = ''): void {
    // One that only announces another (RFC 9110 section 15.2) is replaced by it.
    const raw = controller.rawHeaders as Buffer[]
    // HTTP/2 has no reasons, and the names and values that Node gave as text come as utf-8.
    this.#head = this.#http2 && reason === ''
      ? { status, reason: STATUS_CODES[status] ?? '', headers: readHeaders(raw, 'utf8') }
      : { status, reason, headers: readHeaders(raw, 'latin1') }
    // It has no body, whatever `content-length` says (RFC 9110 section 15.4.5). undici (7.30) would wait for one.
    if (status === 304) this.onResponseEnd()
  }

  onResponseData (controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes <= this.#context.maxResponseBytes) {
      this.#chunks.push(chunk)
      return
    }
    this.#tooLarge = new ResponseTooLargeError(this.#context.maxResponseBytes)
    controller.abort(this.#tooLarge)
  }

  onResponseEnd (): void {
    this.#settle({ subresponse: { ...this.#head!, body: Buffer.concat(this.#chunks) } })
  }

  onResponseError (_controller: unknown, cause: Error): void {
    if (this.#controller === undefined) this.#settle({ unsent: cause })
    else if (this.#tooLarge !== undefined) this.#settle({ error: this.#tooLarge })
    else if (notHttp.has(cause.name)) this.#settle({ error: new InvalidResponseError({ cause }) })
    else this.#settle({ error: new ConnectionResetError({ cause }) })
  }
}

// What undici calls answers that it could not read.
const notHttp = new Set(['HTTPParserError', 'HeadersOverflowError', 'ResponseContentLengthMismatchError'])

function readHeaders (raw: readonly Buffer[], encoding: 'latin1' | 'utf8'): Subresponse['headers'] {
  // Without a prototype, or headers of its names would be found before they are there.
  const headers: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toString('latin1').toLowerCase()
    const value = raw[i + 1]!.toString(encoding)
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}
