import { AsyncResource } from 'node:async_hooks'
import type { FastifyError, FastifyInstance } from 'fastify'
import { channels } from './diagnostics.ts'
import {
  BatchTimeoutError, ExecutorFailedError, InvalidStatusError, ResponseTooLargeError, SubrequestTimeoutError
} from './errors.ts'
import { Execution } from './execution.ts'
import type { Plan } from './plan.ts'
import type { Release, SharedExecutor, TakeTurn } from './shared-executor.ts'
import type { Subrequest } from './subrequest.ts'
import { failedSubresponse, type Subresponse } from './subresponse.ts'

// Milliseconds for which one batch may start one subrequest after another before everybody else gets a turn.
const turn = 1

/** How one item ended. */
export interface Outcome {
  readonly subrequest: Subrequest
  readonly subresponse: Subresponse
  /** Milliseconds from its start, 0 if it was not started. */
  readonly duration: number
  /** Whether it was answered while its handler may go on. */
  readonly abandoned: boolean
}

export interface RunSettings {
  readonly app: FastifyInstance
  readonly executor: SharedExecutor
  /** Milliseconds. */
  readonly subrequestTimeout: number
  /** Milliseconds. */
  readonly batchTimeout: number
  readonly maxResponseBytes: number
  readonly maxBatchResponseBytes: number
}

/** A batch on its way. */
export interface Run {
  /** One outcome for each item, in the order of the items. Never rejects. */
  readonly outcomes: Promise<Outcome[]>
  /** Starts nothing further; what runs may finish. What was not started is answered with `error`. */
  drain (error: FastifyError): void
  /** Starts nothing further and aborts what runs. Both are answered with `error`, at once. */
  stop (error: FastifyError): void
}

interface Running {
  readonly subrequest: Subrequest
  readonly execution: Execution
  readonly started: number
  readonly release: Release | undefined
  answered?: (outcome: Outcome) => void
}

/**
 * Runs a plan: the lowest index first, as many at once as the executor allows, each until its deadline.
 * With a `refusal`, nothing is started and all is answered with it.
 */
export function startRun ({ subrequests }: Plan, settings: RunSettings, refusal?: FastifyError): Run {
  const { app, subrequestTimeout, batchTimeout, executor: { executor, takeTurn } } = settings
  const outcomes = new Array<Outcome>(subrequests.length)
  const running = new Set<Running>()
  const begin = performance.now()
  // What starts, starts where another one ended, even of another batch: the asynchronous context must be this batch's.
  const scope = new AsyncResource('Batch', { requireManualDestroy: true })
  // One timer for all: what starts first is also out of time first.
  let timer = setTimeout(onTimer, Math.min(subrequestTimeout, batchTimeout))
  let bytesLeft = settings.maxBatchResponseBytes
  let next = 0
  let due = 0
  let turnEnd = 0
  let waiting = false
  let finish: (outcomes: Outcome[]) => void

  return {
    outcomes: new Promise(resolve => {
      finish = resolve
      if (refusal === undefined) advance()
      else drain(refusal)
    }),
    drain,
    stop
  }

  /** Lets start what may start now. Called again whenever that may have changed. */
  function advance (): void {
    while (!waiting && next + due < subrequests.length && running.size + due < executor.perBatch) {
      if (takeTurn === undefined) startSoon()
      else waitForTurn(takeTurn)
    }
    if (!isFinished()) return
    clearTimeout(timer)
    finish(outcomes)
  }

  function isFinished (): boolean {
    return next === subrequests.length && running.size === 0
  }

  function waitForTurn (takeTurn: TakeTurn): void {
    let atOnce = true
    waiting = true
    takeTurn(release => {
      waiting = false
      startSoon(release)
      if (!atOnce) advance()
    })
    atOnce = false
  }

  /**
   * Subrequests that run at the same time start in turns of the event loop of their own, as requests from sockets do:
   * what the hooks of one do before they first wait for something is done before the next one starts. One that starts
   * when nothing else runs may do so in the turn of the one before, for as long as a turn may take.
   */
  function startSoon (release?: Release): void {
    if (running.size + due === 0 && performance.now() < turnEnd) return startNext(release)
    due++
    setImmediate(() => {
      due--
      turnEnd = performance.now() + turn
      startNext(release)
    })
  }

  function startNext (release?: Release): void {
    // All may have been answered meanwhile, without having been started.
    if (next < subrequests.length) scope.runInAsyncScope(start, undefined, subrequests[next++]!, release)
    else release?.()
  }

  function start (subrequest: Subrequest, release?: Release): void {
    const execution = new Execution(app, Math.min(settings.maxResponseBytes, bytesLeft))
    const item: Running = { subrequest, execution, started: performance.now(), release }
    running.add(item)

    if (!channels.subrequest.hasSubscribers) {
      execute(item)
      return
    }
    const { method, url, batch: { requestId, index } } = subrequest
    channels.subrequest.tracePromise(() => new Promise<Outcome>(resolve => {
      item.answered = resolve
      execute(item)
    }), { requestId, index, method, url })
  }

  function execute (item: Running): void {
    let answered
    try {
      answered = executor.execute(item.subrequest, item.execution)
    } catch (cause) {
      return fail(item, cause)
    }
    // Not `await`: an asynchronous function and its promise would be one more of each for every subrequest.
    Promise.resolve(answered).then(subresponse => {
      try {
        subresponse = check(subresponse, item.execution.maxResponseBytes)
      } catch (cause) {
        return fail(item, cause)
      }
      answer(item, subresponse, false)
    }, cause => { fail(item, cause) })
  }

  function fail (item: Running, cause: unknown): void {
    const error = new ExecutorFailedError(executor.name, { cause })
    app.log.error({ err: error, batch: item.subrequest.batch }, error.message)
    answer(item, failedSubresponse(error, 'unknown'), false)
  }

  function answer (item: Running, subresponse: Subresponse, abandoned: boolean): void {
    // Answered before, when it was out of time: one answer is all that an item gets.
    if (!running.delete(item)) return
    item.release?.()
    if (subresponse.body.byteLength > bytesLeft) {
      subresponse = failedSubresponse(new ResponseTooLargeError(bytesLeft), 'unknown')
    } else if (subresponse.outcome === undefined) {
      bytesLeft -= subresponse.body.byteLength
    }
    const { subrequest } = item
    const outcome = { subrequest, subresponse, duration: performance.now() - item.started, abandoned }
    outcomes[subrequest.batch.index] = outcome
    item.answered?.(outcome)
    advance()
  }

  function abandon (item: Running, error: FastifyError): void {
    answer(item, failedSubresponse(error, 'unknown'), true)
    item.execution.abort(error)
  }

  function drain (error: FastifyError): void {
    while (next < subrequests.length) {
      const subrequest = subrequests[next++]!
      const subresponse = failedSubresponse(error, 'not_started')
      outcomes[subrequest.batch.index] = { subrequest, subresponse, duration: 0, abandoned: false }
    }
    advance()
  }

  function stop (error: FastifyError): void {
    drain(error)
    for (const item of running) abandon(item, error)
  }

  function onTimer (): void {
    const now = performance.now()
    const deadline = begin + batchTimeout
    if (now >= deadline) return stop(new BatchTimeoutError(batchTimeout))
    let nextEnd = now + subrequestTimeout
    for (const item of running) {
      const end = item.started + subrequestTimeout
      if (end > now) {
        nextEnd = end
        break
      }
      abandon(item, new SubrequestTimeoutError(subrequestTimeout))
    }
    if (!isFinished()) timer = setTimeout(onTimer, Math.min(nextEnd, deadline) - now)
  }
}

function check (subresponse: Subresponse, maxBytes: number): Subresponse {
  const { status, body } = subresponse
  if (!(body instanceof Uint8Array)) throw new TypeError('the body of a Subresponse must be a Uint8Array')
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    return failedSubresponse(new InvalidStatusError(String(status)), 'unknown')
  }
  if (body.byteLength > maxBytes) return failedSubresponse(new ResponseTooLargeError(maxBytes), 'unknown')
  return subresponse
}
