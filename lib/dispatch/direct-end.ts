import { AsyncResource } from 'node:async_hooks'
import { ServerResponse } from 'node:http'
import process from 'node:process'

/** What of a response is Node's own business at its end. */
export interface EndingResponse extends ServerResponse {
  readonly _eventsCount: number
  finished: boolean
  _headerSent: boolean
}

interface Ending {
  readonly response: EndingResponse
  /** The asynchronous context in which it was ended. */
  readonly context: AsyncResource
}

const { end } = ServerResponse.prototype
const resourceOptions = { requireManualDestroy: true }
const endings: Ending[] = []
let endingAtOnce: EndingResponse | undefined

/** Whether nobody listens to a response but its server, which hears of `finish`. */
export function isAlone (response: EndingResponse): boolean {
  return response._eventsCount === 1 && response.listenerCount('finish') === 1
}

/**
 * Ends a response whose whole answer has left. It passes for ended from now on. What else its end is takes Node three
 * ticks, which cost more than all that a small answer needs here; so one tick does it for all that have ended. It comes
 * after the ticks that were scheduled before: whoever begins to listen in one of them is heard of.
 */
export function endSoon (response: EndingResponse): void {
  response.finished = true
  const context = new AsyncResource('ResponseEnd', resourceOptions)
  if (endings.push({ response, context }) === 1) process.nextTick(process.nextTick, endAll)
}

function endAll (): void {
  for (const { response, context } of endings.splice(0)) {
    if (isAlone(response)) {
      endingAtOnce = response
      endNow(response)
      endingAtOnce = undefined
    } else {
      context.runInAsyncScope(process.nextTick, undefined, endNow, response)
    }
  }
}

function endNow (response: EndingResponse): void {
  // Node is to begin from the beginning, and to hand what it calls back to our `_send`.
  response.finished = response._headerSent = false
  end.call(response, null, 'utf8')
}

/** Calls back in the next tick, as Node's sockets and servers do, or at once for a response whose ticks have passed. */
export function callSoon<Argument> (
  response: EndingResponse, callback: (argument: Argument) => void, argument: Argument
): void {
  if (response === endingAtOnce) callback(argument)
  else process.nextTick(callback, argument)
}
