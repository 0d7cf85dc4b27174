import { performance } from 'node:perf_hooks'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Admission } from './admission.ts'
import { channels } from './diagnostics.ts'
import { refuse } from './dispatch/guard.ts'
import { isInsideSubrequest } from './dispatch/identity.ts'
import { ClientGoneError, ClosingError, NestedBatchError, NoTransactionsError, OverloadedError } from './errors.ts'
import { isMarked } from './marker.ts'
import type { ResolvedOptions } from './options.ts'
import { OutcomeList, type OutcomeSink } from './outcome-sink.ts'
import { readConnection, readParent, type Connection } from './parent.ts'
import { planBatch, type Plan, type PlanRules } from './plan.ts'
import { prefersLines } from './reply/accept.ts'
import type { BatchAnswer } from './reply/answer.ts'
import { sayHowToCache } from './reply/caching.ts'
import { JsonAnswer } from './reply/json.ts'
import { NdjsonAnswer, type LinesSettings } from './reply/ndjson.ts'
import { sendAnswer, type SendSettings } from './reply/send.ts'
import type { Submit } from './respond-async/submit.ts'
import { startRun, type Run, type RunSettings } from './run.ts'
import { runInTransaction } from './transaction.ts'
import type { BatchBody, BatchSummary } from './wire/schema.ts'

/** What the handler of a batch route works with. */
export interface BatchHandlerSettings {
  readonly root: FastifyInstance
  /** Names the batch route. */
  readonly route: string
  readonly options: ResolvedOptions
  readonly rules: PlanRules
  readonly runSettings: RunSettings
  readonly replySettings: LinesSettings & SendSettings
  /** Stores batches whose clients do not wait for the answer. */
  readonly submit: Submit | undefined
}

/** The handler of a batch route, and what goes with it. */
export interface BatchHandler {
  /** To be the first hook of the route. */
  onRequest (request: FastifyRequest, reply: FastifyReply, done: () => void): void
  handle (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  /** Starts nothing further in any batch; what runs may finish. */
  close (): void
}

const kArrival = Symbol('fastify-batch-requests.arrival')

interface Arrived extends FastifyRequest { [kArrival]?: Arrival }

interface Arrival {
  readonly connection: Connection
  gone: boolean
  run?: Run
}

/** A batch on its way through the handler. */
interface Batch {
  readonly plan: Plan
  readonly request: FastifyRequest
  readonly arrival: Arrival
  readonly answer: BatchAnswer
  /** By `performance.now()`. */
  readonly started: number
  /** How long it may take, in milliseconds. */
  readonly timeout: number
}

/** Makes the handler that takes a batch through all stages, from its body to its answer. */
export function createBatchHandler (settings: BatchHandlerSettings): BatchHandler {
  const { root, route, options, rules, runSettings, replySettings, submit } = settings
  const admission = Admission.of(root)
  // Not a Set: its outgrown tables, once they are old, hold what was in them until the next full collection.
  const runs: Run[] = []
  const parentSettings = { route, https: options.https, headerPolicy: rules.headerPolicy }
  // RFC 7240 section 2.
  const variants = submit === undefined ? 'accept' : 'accept, prefer'
  let closing = false

  return { onRequest, handle, close }

  function onRequest (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    sayHowToCache(reply, variants)
    if (isNested(request)) return refuse(reply, new NestedBatchError())

    const arrival: Arrival = { connection: readConnection(request.raw.socket), gone: false }
    ;(request as Arrived)[kArrival] = arrival
    // Not `request.signal`: after a body was read it aborts although the client is there (fastify issue 4690).
    reply.raw.once('close', () => {
      arrival.gone = true
      // Also emitted when everything went well, and then there is nothing to stop.
      if (arrival.run !== undefined) arrival.run.stop(new ClientGoneError())
    })
    done()
  }

  async function handle (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const started = performance.now()
    const body = request.body as BatchBody
    const size = body.batch.length
    const arrival = (request as Arrived)[kArrival]!
    const parent = readParent(request, arrival.connection, size, parentSettings)
    const plan = planBatch(body, parent, rules)
    if (plan.atomic && options.transaction === undefined) throw new NoTransactionsError()
    if (submit !== undefined && await submit(request, reply, body, parent)) return reply

    const timeout = Math.min(options.batchTimeout, body.timeout_ms ?? Infinity)
    // To end a transaction has a deadline of its own.
    const latest = started + timeout + (plan.atomic ? options.subrequestTimeout : 0)
    const release = admission.admit(size, options.maxInFlight, started, latest)
    if (release === undefined) {
      reply.header('retry-after', admission.retryAfter(size, options.maxInFlight, started))
      throw new OverloadedError(options.maxInFlight)
    }
    const answer = prefersLines(request.headers)
      ? new NdjsonAnswer(plan.atomic, replySettings)
      : new JsonAnswer(size, plan.atomic, replySettings)
    const batch: Batch = { plan, request, arrival, answer, started, timeout }
    const ended = channels.batch.hasSubscribers
      ? channels.batch.tracePromise(() => run(batch), { requestId: parent.requestId, route, size })
      : run(batch)
    ended.finally(() => { release(performance.now()) })
    await answer.begun
    return send(reply, answer)
  }

  /** Runs a batch and delivers its outcomes to the answer. Never rejects. */
  async function run (batch: Batch): Promise<BatchSummary> {
    const { plan, request, answer, started, timeout } = batch
    if (plan.atomic) {
      // What an item did counts when all are committed, and not before.
      const outcomes = await runInTransaction({
        adapter: options.transaction!,
        request,
        items: plan.items,
        beginTimeout: Math.min(timeout, options.subrequestTimeout),
        endTimeout: options.subrequestTimeout,
        async run (transaction) {
          const list = new OutcomeList(plan.items.length)
          await runItems(batch, list, transaction)
          return list.outcomes
        }
      })
      for (const outcome of outcomes) answer.deliver(outcome)
    } else {
      await runItems(batch, answer)
    }
    return answer.finish(performance.now() - started)
  }

  async function runItems (batch: Batch, sink: OutcomeSink, transaction?: unknown): Promise<void> {
    const { plan, arrival, started, timeout } = batch
    const refusal = arrival.gone ? new ClientGoneError() : closing ? new ClosingError() : undefined
    const run = startRun(plan, runSettings, { sink, deadline: started + timeout, timeout, refusal, transaction })
    arrival.run = run
    runs.push(run)
    await run.ended
    arrival.run = undefined
    runs.splice(runs.indexOf(run), 1)
  }

  function send (reply: FastifyReply, answer: BatchAnswer): FastifyReply {
    // A connection that is kept alive would hold the close of the server back. HTTP/2 knows no such header.
    const { raw } = reply.request
    const isHttp1 = raw.httpVersionMajor === 1
    if (isHttp1 && closing) reply.header('connection', 'close')
    const { duration } = sendAnswer(reply, answer, replySettings)
    // What inject has for a socket knows no such method.
    if (isHttp1 && duration === undefined) reply.raw.once('finish', () => { if (closing) raw.socket.destroySoon?.() })
    return reply
  }

  function close (): void {
    closing = true
    for (const run of runs) run.drain(new ClosingError())
  }
}

/** Whether a batch is an item of a batch, here or elsewhere, or injected by a handler of one. */
function isNested ({ raw, batch }: FastifyRequest): boolean {
  return batch !== null || isMarked(raw) || ('isLightMyRequest' in raw && isInsideSubrequest())
}
