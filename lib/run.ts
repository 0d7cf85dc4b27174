import { AsyncResource } from 'node:async_hooks'
import type { FastifyError, FastifyInstance } from 'fastify'
import { Answers, fillBindings } from './bind.ts'
import { channels } from './diagnostics.ts'
import {
  BatchTimeoutError, DependencyFailedError, ExecutorFailedError, ResponseTooLargeError, StoppedError,
  SubrequestTimeoutError
} from './errors.ts'
import { Execution } from './execution.ts'
import { checkSubresponse, notStarted, type Outcome } from './outcome.ts'
import type { Plan } from './plan.ts'
import { nameOf, type PlannedItem } from './plan/item.ts'
import { Schedule } from './schedule.ts'
import type { Release, SharedExecutor, TakeTurn } from './shared-executor.ts'
import { inTransaction, type Subrequest } from './subrequest.ts'
import { failedSubresponse, type Subresponse } from './subresponse.ts'

// How long one batch may start subrequests before all others get a turn, in milliseconds.
const turn = 1

export interface RunSettings {
  readonly app: FastifyInstance
  readonly executor: SharedExecutor
  /** Milliseconds, as the next one. */
  readonly subrequestTimeout: number
  readonly batchTimeout: number
  readonly maxResponseBytes: number
  readonly maxBatchResponseBytes: number
  /** The largest body that a binding may make, in bytes. */
  readonly maxBodyBytes: number
  /** Whether answers show `set-cookie`, and bindings see it. */
  readonly exposeCookies: boolean
}

/** With a `refusal` nothing is started, and all is answered with it. A `transaction` is handed to all handlers. */
export interface RunStart {
  readonly refusal?: FastifyError
  readonly transaction?: unknown
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
  readonly planned: PlannedItem
  readonly subrequest: Subrequest
  readonly execution: Execution
  readonly started: number
  readonly release: Release | undefined
  answered?: (outcome: Outcome) => void
}

/** Runs a plan: the lowest index first, as many at once as the executor allows, each until its deadline. */
export function startRun (plan: Plan, settings: RunSettings, { refusal, transaction }: RunStart = {}): Run {
  const { app, subrequestTimeout, batchTimeout, executor: { executor, takeTurn } } = settings
  const perBatch = plan.atomic ? 1 : executor.perBatch
  const schedule = new Schedule(plan.items)
  const outcomes = new Array<Outcome>(plan.items.length)
  const answers = new Answers(settings)
  const running = new Set<Running>()
  const begin = performance.now()
  // What starts, starts where another one ended, even of another batch: the asynchronous context must be this batch's.
  const scope = new AsyncResource('Batch', { requireManualDestroy: true })
  // One timer for all: what starts first is also out of time first.
  let timer = setTimeout(onTimer, Math.min(subrequestTimeout, batchTimeout))
  let bytesLeft = settings.maxBatchResponseBytes
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
    while (!waiting && due < schedule.ready && running.size + due < perBatch) {
      if (takeTurn === undefined) startSoon()
      else waitForTurn(takeTurn)
    }
    if (!isFinished()) return
    clearTimeout(timer)
    finish(outcomes)
  }

  function isFinished (): boolean {
    return schedule.size === 0 && running.size === 0
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
    const planned = schedule.take()
    // All may have been answered meanwhile, without having been started.
    if (planned === undefined) return release?.()
    const end = turnEnd
    // No subrequest starts from inside the start of another.
    turnEnd = 0
    scope.runInAsyncScope(start, undefined, planned, release)
    turnEnd = end
  }

  function start (planned: PlannedItem, release?: Release): void {
    let subrequest: Subrequest
    try {
      subrequest = prepare(planned)
    } catch (error) {
      release?.()
      return settle(notStarted(planned, error as FastifyError))
    }
    const execution = new Execution(app, Math.min(settings.maxResponseBytes, bytesLeft))
    const item: Running = { planned, subrequest, execution, started: performance.now(), release }
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

  function prepare (planned: PlannedItem): Subrequest {
    const answerOf = ({ index }: PlannedItem) => outcomes[index]!.subresponse
    const fill = () => fillBindings(planned, answers, answerOf, settings.maxBodyBytes)
    const subrequest = planned.subrequest ?? plan.build(fill(), planned.index)
    return transaction === undefined ? subrequest : inTransaction(subrequest, transaction)
  }

  async function execute (item: Running): Promise<void> {
    const { subrequest, execution } = item
    let subresponse: Subresponse
    try {
      subresponse = checkSubresponse(await executor.execute(subrequest, execution), execution.maxResponseBytes)
    } catch (cause) {
      const error = new ExecutorFailedError(executor.name, { cause })
      app.log.error({ err: error, batch: subrequest.batch }, error.message)
      subresponse = failedSubresponse(error, 'unknown')
    }
    answer(item, subresponse, false)
  }

  function answer (item: Running, subresponse: Subresponse, abandoned: boolean): void {
    // Answered before, when it was out of time: one answer is all that an item gets.
    if (!running.delete(item)) return
    item.release?.()
    if (subresponse.outcome === undefined) {
      if (subresponse.body.byteLength <= bytesLeft) bytesLeft -= subresponse.body.byteLength
      else subresponse = failedSubresponse(new ResponseTooLargeError(bytesLeft), 'unknown')
    }
    const { planned, subrequest } = item
    const outcome = { planned, subrequest, subresponse, duration: performance.now() - item.started, abandoned }
    item.answered?.(outcome)
    settle(outcome)
  }

  /** Keeps an outcome, and lets go on, or not, what depends on it. */
  function settle (outcome: Outcome): void {
    const { planned, subresponse: { status } } = outcome
    outcomes[planned.index] = outcome
    if (status < 400) schedule.succeed(planned)
    else if (plan.stopOnError) skip(schedule.clear(), new StoppedError(planned.index, status))
    else skipDependents(outcome)
    advance()
  }

  function skipDependents (outcome: Outcome): void {
    const failed = [outcome]
    for (const { planned, subresponse: { status } } of failed) {
      const left = schedule.fail(planned)
      failed.push(...skip(left, new DependencyFailedError(nameOf(planned), status)))
    }
  }

  function skip (items: PlannedItem[], error: FastifyError): Outcome[] {
    return items.map(planned => (outcomes[planned.index] = notStarted(planned, error)))
  }

  function abandon (item: Running, error: FastifyError): void {
    answer(item, failedSubresponse(error, item.execution.queued ? 'not_started' : 'unknown'), !item.execution.queued)
    item.execution.abort(error)
  }

  function drain (error: FastifyError): void {
    skip(schedule.clear(), error)
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
