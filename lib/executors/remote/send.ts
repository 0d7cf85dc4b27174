import { setTimeout } from 'node:timers/promises'
import type { FastifyError } from 'fastify'
import type { Dispatcher } from 'undici'
import { UpstreamUnreachableError } from '../../errors.ts'
import type { ExecutionContext } from '../../executor.ts'
import { isIdempotent } from '../../methods.ts'
import type { Subrequest } from '../../subrequest.ts'
import { failedSubresponse, type IncompleteOutcome, type Subresponse } from '../../subresponse.ts'
import { Exchange, type Result } from './exchange.ts'

/** How long the first wait for another try is, in milliseconds. Each next one is twice as long. */
const firstWait = 50

export interface SendSettings {
  readonly subrequest: Subrequest
  readonly context: ExecutionContext
  readonly retries: number
  readonly http2: boolean
}

/**
 * Sends a subrequest to an upstream, and gives its answer. It is sent once: there are other tries where nothing was
 * sent, and only for methods that could be repeated anyway.
 */
export async function send (
  dispatcher: Dispatcher, makeRequest: () => Dispatcher.DispatchOptions, settings: SendSettings
): Promise<Subresponse> {
  const { subrequest, context } = settings
  let triesLeft = isIdempotent(subrequest.method) ? settings.retries : 0
  let abandoned = false
  context.onAbort(() => {
    abandoned = true
    triesLeft = 0
  })

  let result = await tryOnce()
  for (let wait = firstWait; 'unsent' in result && triesLeft > 0; wait *= 2) {
    triesLeft--
    await setTimeout(wait)
    result = await tryOnce()
  }
  if ('subresponse' in result) return result.subresponse
  return 'error' in result
    ? fail(result.error, 'unknown')
    : fail(new UpstreamUnreachableError({ cause: result.unsent }), 'not_started')

  function tryOnce (): Promise<Result> {
    // It can have no effects before it is sent: out of time meanwhile, it is `not_started`.
    context.queued = true
    const exchange = new Exchange(context, settings.http2)
    dispatcher.dispatch(makeRequest(), exchange)
    return exchange.result
  }

  function fail (error: FastifyError, outcome: IncompleteOutcome): Subresponse {
    if (!abandoned) context.app.log.error({ err: error, batch: subrequest.batch }, error.message)
    return failedSubresponse(error, outcome)
  }
}
