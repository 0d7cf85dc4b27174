import { AsyncResource } from 'node:async_hooks'
import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import type { FastifyError, FastifyInstance } from 'fastify'
import { channels } from './diagnostics.ts'
import {
  BatchTimeoutError, DependencyFailedError, ResponseTooLargeError, StoppedError, SubrequestTimeoutError
} from './errors.ts'
import { execute, Execution } from './execution.ts'
import type { OutcomeSink } from './outcome-sink.ts'
import { ended, notStarted, type Outcome } from './outcome.ts'
import type { Plan } from './plan.ts'
import { nameOf, type PlannedItem } from './plan/item.ts'
import { Answers } from './run/answers.ts'
import { fillBindings } from './run/bind.ts'
import { watchDeadlines } from './run/deadlines.ts'
import { Running, type RunningItem } from './run/running.ts'
import { Schedule } from './run/schedule.ts'
import { Turns } from './run/turns.ts'
import type { Release, SharedExecutor } from './shared-executor.ts'
import type { Subrequest } from './subrequest.ts'
import { failedSubresponse, type Subresponse } from './subresponse.ts'

export interface RunSettings {
  readonly app: FastifyInstance
  readonly executor: SharedExecutor
  /** Milliseconds. */
  readonly subrequestTimeout: number
  readonly maxResponseBytes: number
  /** How many bytes of answers the sink may hold. */
  readonly maxBatchResponseBytes: number
  /** The largest body that a binding may make, in bytes. */
  readonly maxBodyBytes: number
  /** Whether answers show `set-cookie`, and bindings see it. */
  readonly exposeCookies: boolean
}

export interface RunStart {
  /** Gets one outcome for each item, as soon as it is known. */
  readonly sink: OutcomeSink
  /** When the batch is out of time, by `performance.now()`. */
  readonly deadline: number
  /** How many milliseconds it had, for messages. */
  readonly timeout: number
  /** With it nothing is started, and all is answered with it. */
  readonly refusal?: FastifyError
  /** Handed to all handlers. */
  readonly transaction?: unknown
  /** How far an earlier run of the same plan came. The sink has to be full until all of it was taken in. */
  readonly progress?: Progress
}

/** How far a run came before its process ended. */
export interface Progress {
  readonly outcomes: readonly Outcome[]
  /** Indexes of items that were started, and have no outcome. */
  readonly started: ReadonlySet<number>
}

/** A batch on its way. */
export interface Run {
  /** Resolves when the sink has all outcomes. Never rejects. */
  readonly ended: Promise<void>
  /** Starts nothing further; what runs may finish. What was not started is answered with `error`. */
  drain (error: FastifyError): void
  /** Starts nothing further and aborts what runs. Both are answered with `error`, at once. */
  stop (error: FastifyError): void
}

/** Runs a plan: the lowest index first, as many at once as the executor allows, each until its deadline. */
export function startRun (plan: Plan, settings: RunSettings, { sink, ...given }: RunStart): Run {
  const { app, subrequestTimeout, executor: { executor, takeTurn } } = settings
  const { deadline, timeout, refusal, transaction, progress } = given
  const known = new Set(progress?.outcomes.map(({ index }) => index))
  const schedule = new Schedule(known.size === 0 ? plan.items : plan.items.filter(({ index }) => !known.has(index)))
  const answers = new Answers(settings)
  const waits = (item: PlannedItem) => schedule.waits(item)
  const running = new Running()
  // What starts, starts where another one ended, even of another batch: the asynchronous context must be this batch's.
  const scope = new AsyncResource('Batch', { requireManualDestroy: true })
  const turns = new Turns({
    perBatch: plan.atomic ? 1 : executor.perBatch,
    takeTurn,
    ready: () => sink.full ? 0 : schedule.ready,
    running: () => running.size,
    startNext
  })
  const unwatch = watchDeadlines({
    running,
    subrequestTimeout,
    deadline,
    onSubrequestTimeout: item => { abandon(item, new SubrequestTimeoutError(subrequestTimeout)) },
    onBatchTimeout: () => { stop(new BatchTimeoutError(timeout)) }
  })
  // Deadlines that handlers see count from 1970.
  const epoch = Date.now() - performance.now()
  let finish: () => void

  return {
    ended: new Promise(resolve => {
      finish = resolve
      sink.onRoom = advance
      if (progress !== undefined) resume(progress)
      if (refusal === undefined) advance()
      else drain(refusal)
    }),
    drain,
    stop
  }

  function resume ({ outcomes, started }: Progress): void {
    const settleAgain = (outcome: Outcome) => { settle(plan.items[outcome.index]!, outcome) }
    outcomes.filter(({ subresponse: { status } }) => status < 400).forEach(settleAgain)
    // Before what failed is known: it stops nothing that runs.
    for (const planned of schedule.takeAll(started)) start(planned, undefined, performance.now())
    outcomes.filter(({ subresponse: { status } }) => status >= 400).forEach(settleAgain)
  }

  /** Lets start what may start now. Called again whenever that may have changed. */
  function advance (now?: number): void {
    turns.advance(now)
    if (schedule.size > 0 || running.size > 0) return
    unwatch()
    finish()
  }

  function startNext (release: Release | undefined, now: number): void {
    // Since the turn was taken, all may have been answered without having been started, or the client have fallen back.
    const planned = sink.full ? undefined : schedule.take()
    if (planned === undefined) release?.()
    else scope.runInAsyncScope(planned.original === undefined ? start : repeat, undefined, planned, release, now)
  }

  function start (planned: PlannedItem, release: Release | undefined, started: number): void {
    let subrequest: Subrequest
    try {
      subrequest = prepare(planned, started)
    } catch (error) {
      release?.()
      return settle(planned, notStarted(planned, error as FastifyError))
    } finally {
      answers.release(planned)
    }
    const execution = new Execution(app, Math.min(settings.maxResponseBytes, bytesLeft()))
    const item: RunningItem = { planned, subrequest, execution, started, release, place: -1 }
    running.add(item)

    if (!channels.subrequest.hasSubscribers) {
      ask(item)
      return
    }
    const { method, url, batch: { requestId, index } } = subrequest
    channels.subrequest.tracePromise(() => new Promise<Outcome>(resolve => {
      item.answered = resolve
      ask(item)
    }), { requestId, index, method, url })
  }

  /** Answers an item with the answer to the one that asked for the same. */
  function repeat (planned: PlannedItem, release: Release | undefined): void {
    const { subresponse, duration } = answers.outcomeOf(planned.original!)
    answers.release(planned)
    release?.()
    settle(planned, ended(planned, planned.item.url, fit(subresponse), { duration, abandoned: false }))
  }

  function prepare (planned: PlannedItem, started: number): Subrequest {
    const { index } = planned
    const item = planned.content === undefined ? fillBindings(planned, answers, settings.maxBodyBytes) : planned.item
    const content = planned.content ?? plan.check(item, index)
    const givenUp = epoch + Math.min(started + subrequestTimeout, deadline)
    return plan.build(item, { index, content, deadline: givenUp, transaction })
  }

  function ask (item: RunningItem): void {
    execute(executor, item.subrequest, item.execution, subresponse => { answer(item, subresponse, false) })
  }

  function answer (item: RunningItem, subresponse: Subresponse, abandoned: boolean): void {
    // Answered before, when it was out of time: one answer is all that an item gets.
    if (!running.delete(item)) return
    item.release?.()
    const { planned, subrequest } = item
    const now = performance.now()
    const outcome = ended(planned, subrequest.url, fit(subresponse), { duration: now - item.started, abandoned })
    item.answered?.(outcome)
    settle(planned, outcome, now)
  }

  function bytesLeft (): number {
    return Math.max(settings.maxBatchResponseBytes - sink.heldBytes, 0)
  }

  /** Gives the answer, or if there is no room for it what is to be said instead. */
  function fit (subresponse: Subresponse): Subresponse {
    if (subresponse.outcome !== undefined || Buffer.byteLength(subresponse.body) <= bytesLeft()) return subresponse
    return failedSubresponse(new ResponseTooLargeError(bytesLeft()), 'unknown')
  }

  /** Hands an outcome on, and lets go on, or not, what depends on it. */
  function settle (planned: PlannedItem, outcome: Outcome, now?: number): void {
    const { status } = outcome.subresponse
    answers.keep(planned, outcome, waits)
    sink.deliver(outcome)
    if (status < 400) schedule.succeed(planned)
    else if (plan.stopOnError) skip(schedule.clear(), new StoppedError(planned.index, status))
    else skipDependents(planned, status)
    advance(now)
  }

  function skipDependents (planned: PlannedItem, status: number): void {
    const failed = [{ planned, status }]
    for (const { planned, status } of failed) {
      const left = schedule.fail(planned)
      if (left.length === 0) continue
      const error = new DependencyFailedError(nameOf(planned), status)
      skip(left, error)
      failed.push(...left.map(planned => ({ planned, status: error.statusCode! })))
    }
  }

  function skip (items: readonly PlannedItem[], error: FastifyError): void {
    for (const planned of items) {
      answers.release(planned)
      sink.deliver(notStarted(planned, error))
    }
  }

  function abandon (item: RunningItem, error: FastifyError): void {
    answer(item, failedSubresponse(error, item.execution.queued ? 'not_started' : 'unknown'), !item.execution.queued)
    item.execution.abort(error)
  }

  function drain (error: FastifyError): void {
    skip(schedule.clear(), error)
    advance()
  }

  function stop (error: FastifyError): void {
    drain(error)
    for (const item of running.items()) abandon(item, error)
  }
}
