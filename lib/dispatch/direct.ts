import { ClosingError, ConnectionResetError, ResponseTooLargeError } from '../errors.ts'
import type { ExecutionContext } from '../executor.ts'
import type { Subrequest } from '../subrequest.ts'
import { failedSubresponse, type Subresponse } from '../subresponse.ts'
import { completeRequest, createRequest } from './direct-request.ts'
import { createResponse, headOf } from './direct-response.ts'
import { DirectSocket } from './direct-socket.ts'
import { enter, hasReachedHooks, identify, leave } from './identity.ts'

/**
 * Answers a subrequest through `app.routing()`, with a request and a response of Node's own on a socket of ours: no
 * text of HTTP is written or read. To handlers, hooks and plugins it is one more request on the batch's connection.
 */
export function direct (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
  const { app, maxResponseBytes } = context
  return new Promise(resolve => {
    const socket = new DirectSocket(subrequest.connection, maxResponseBytes, onEnd)
    const request = createRequest(subrequest, socket)
    const response = createResponse(request, socket, app.server)
    let cause: unknown

    identify(request, subrequest)
    socket.request = request
    context.onAbort(() => {
      leave(subrequest)
      socket.abort()
    })
    enter(subrequest, route)

    function route (): void {
      if (socket.destroyed) return
      try {
        app.routing(request, response)
        completeRequest(request, subrequest.body)
      } catch (error) {
        // From a socket it would be the end of the process.
        cause = error
        socket.destroy()
      }
    }

    function onEnd (answered: boolean): void {
      leave(subrequest)
      resolve(answered ? answer() : failure())
    }

    function answer (): Subresponse {
      const { status, reason, headers } = headOf(response)
      // Fastify's own answer while it closes, before any hook.
      if (status === 503 && headers.connection === 'close' && !hasReachedHooks(request)) {
        return failedSubresponse(new ClosingError(), 'not_started')
      }
      return { status, reason, headers, body: socket.read() }
    }

    function failure (): Subresponse {
      const error = socket.tooLarge ? new ResponseTooLargeError(maxResponseBytes) : new ConnectionResetError({ cause })
      return failedSubresponse(error, 'unknown')
    }
  })
}
