import type { IncomingMessage, ServerResponse } from 'node:http'
import { ClosingError, ConnectionResetError, ResponseTooLargeError } from '../errors.ts'
import type { ExecutionContext } from '../executor.ts'
import type { Subrequest } from '../subrequest.ts'
import { failedSubresponse, type Subresponse } from '../subresponse.ts'
import { completeRequest, createRequest } from './direct-request.ts'
import { closeResponse, createResponse, headOf } from './direct-response.ts'
import { DirectSocket, type SocketOwner } from './direct-socket.ts'
import { enter, hasReachedHooks, identify, leave, type Passage } from './identity.ts'

/**
 * Answers a subrequest through `app.routing()`, with a request and a response of Node's own on a socket of ours: no
 * text of HTTP is written or read. To handlers, hooks and plugins it is one more request on the batch's connection.
 */
export function direct (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
  return new Promise(resolve => {
    const exchange = new DirectExchange(subrequest, context, resolve)
    context.onAbort(() => { exchange.abort() })
    enter(exchange, route)
  })
}

function route (exchange: DirectExchange): void {
  exchange.route()
}

/** One subrequest on its way. A class, as there is one for each: a set of closures would cost more. */
class DirectExchange implements SocketOwner, Passage {
  readonly subrequest: Subrequest
  untracked = false
  readonly #context: ExecutionContext
  readonly #resolve: (subresponse: Subresponse) => void
  readonly #socket: DirectSocket
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #cause: unknown

  constructor (subrequest: Subrequest, context: ExecutionContext, resolve: (subresponse: Subresponse) => void) {
    this.subrequest = subrequest
    this.#context = context
    this.#resolve = resolve
    this.#socket = new DirectSocket(subrequest.connection, context.maxResponseBytes, this)
    this.#request = createRequest(subrequest, this.#socket)
    this.#response = createResponse(this.#request, this.#socket, context.app.server)
    this.#socket.request = this.#request
    identify(this.#request, subrequest)
  }

  route (): void {
    if (this.#socket.destroyed) return
    try {
      this.#context.app.routing(this.#request, this.#response)
      completeRequest(this.#request, this.subrequest.body)
    } catch (error) {
      // From a socket it would be the end of the process.
      this.#cause = error
      this.#socket.destroy()
    }
  }

  abort (): void {
    leave(this)
    this.#socket.abort()
  }

  onClose (): void {
    // An answered one has let go of the socket.
    if (this.#socket._httpMessage !== null) closeResponse(this.#response)
  }

  onEnd (answered: boolean): void {
    leave(this)
    // Node 24 completes a response that was ended in the same tick in which its socket was destroyed.
    this.#resolve(answered && !this.#socket.tooLarge ? this.#answer() : this.#failure())
  }

  #answer (): Subresponse {
    const { status, reason, headers } = headOf(this.#response)
    // Fastify's own answer while it closes, before any hook.
    if (status === 503 && headers.connection === 'close' && !hasReachedHooks(this.#request)) {
      return failedSubresponse(new ClosingError(), 'not_started')
    }
    return { status, reason, headers, body: this.#socket.read() }
  }

  #failure (): Subresponse {
    const error = this.#socket.tooLarge
      ? new ResponseTooLargeError(this.#context.maxResponseBytes)
      : new ConnectionResetError({ cause: this.#cause })
    return failedSubresponse(error, 'unknown')
  }
}
