import { Buffer } from 'node:buffer'
import { ServerResponse } from 'node:http'
import type { FastifyError, InjectOptions, LightMyRequestResponse } from 'fastify'
import { ClosingError, ConnectionResetError, LostAnswerError } from '../errors.ts'
import type { ExecutionContext } from '../executor.ts'
import type { Subrequest } from '../subrequest.ts'
import { failedSubresponse, type Subresponse } from '../subresponse.ts'
import { Exchange, isBodiless } from './exchange.ts'
import { enter, leave } from './identity.ts'

// What stands for an unknown address or host until the exchange removes it (RFC 7239 section 6). Without it
// light-my-request would put a loopback address, which apps trust.
const unknown = 'unknown'

/** Answers a subrequest through `app.inject()`. */
export function inject (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
  const exchange = new Exchange(subrequest, context.maxResponseBytes)
  context.onAbort(() => {
    exchange.abort()
    leave(exchange)
  })

  return new Promise(resolve => {
    // The callback form: an exception inside the promise form cannot be caught by anyone.
    const done = (error: Error | undefined, response: LightMyRequestResponse | undefined) => {
      leave(exchange)
      resolve(toSubresponse(exchange, error, response))
    }
    enter(exchange, () => {
      try {
        context.app.inject(injectOptions(exchange), done)
      } catch (error) {
        done(error as Error, undefined)
      }
    })
  })
}

function injectOptions (exchange: Exchange): InjectOptions {
  const { method, url, headers, body, connection } = exchange.subrequest
  return {
    method,
    url,
    headers: headers.host === undefined ? { ...headers, host: unknown } : headers,
    payload: body === undefined ? undefined : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    remoteAddress: connection.remoteAddress ?? unknown,
    // All of this was checked. inject's own check throws where nobody can catch it.
    validate: false,
    simulate: exchange as unknown as NonNullable<InjectOptions['simulate']>
  }
}

function toSubresponse (
  exchange: Exchange, error: Error | undefined, response: LightMyRequestResponse | undefined
): Subresponse {
  if (exchange.failure !== undefined) return failedSubresponse(exchange.failure, 'unknown')
  if (response) {
    const subresponse = exchange.take()
    if (subresponse !== undefined) return subresponse
    // Answered by a hook that runs before ours.
    if (isLost(response.raw.res as ServerResponse)) return failedSubresponse(new LostAnswerError(), 'unknown')
    const { statusCode: status, statusMessage: reason, rawPayload: body } = response
    return { status, reason, body, headers: response.headers as Subresponse['headers'] }
  }
  if ((error as FastifyError).code === 'FST_ERR_REOPENED_CLOSE_SERVER') {
    return failedSubresponse(new ClosingError(), 'not_started')
  }
  return failedSubresponse(new ConnectionResetError({ cause: error }), 'unknown')
}

/** Whether an answer went to the socket that inject throws everything away with: Express makes responses do so. */
function isLost (response: ServerResponse): boolean {
  return response.write === ServerResponse.prototype.write && !isBodiless(response)
}
