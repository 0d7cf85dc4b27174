import { performance } from 'node:perf_hooks'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { admit } from './admission.ts'
import { channels } from './diagnostics.ts'
import { refuse } from './dispatch/guard.ts'
import { isInsideSubrequest } from './dispatch/identity.ts'
import { ClientGoneError, ClosingError, NestedBatchError, NoTransactionsError, OverloadedError } from './errors.ts'
import { isMarked } from './marker.ts'
import type { ResolvedOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { readConnection, readParent, type Connection } from './parent.ts'
import { planBatch, type Plan, type PlanRules } from './plan.ts'
import { writeSeconds } from './reply/item.ts'
import { writeBatch } from './reply/json.ts'
import { collectCookies } from './reply/set-cookie.ts'
import { startRun, type Run } from './run.ts'
import type { SharedExecutor } from './shared-executor.ts'
import { runInTransaction } from './transaction.ts'
import type { BatchBody } from './wire/schema.ts'

/** What the handler of a batch route works with. */
export interface BatchHandlerSettings {
  readonly root: FastifyInstance
  /** Names the batch route. */
  readonly route: string
  readonly options: ResolvedOptions
  readonly executor: SharedExecutor
  readonly rules: PlanRules
  /** The largest body that a client can send, in bytes. */
  readonly bodyLimit: number
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

/** Makes the handler that takes a batch through all stages, from its body to its answer. */
export function createBatchHandler (settings: BatchHandlerSettings): BatchHandler {
  const { root, route, options, executor, rules } = settings
  // Not a Set: its outgrown tables, once they are old, hold what was in them until the next full collection.
  const runs: Run[] = []
  const parentSettings = { route, https: options.https, headerPolicy: rules.headerPolicy }
  const itemSettings = { ...options, exposeCookies: options.setCookie === 'expose' }
  const runSettings = { ...itemSettings, app: root, executor, maxBodyBytes: settings.bodyLimit }
  let closing = false

  return { onRequest, handle, close }

  function onRequest (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    reply.header('cache-control', 'no-store')
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

    const release = admit(root, size, options.maxInFlight)
    if (release === undefined) {
      reply.header('retry-after', '1')
      throw new OverloadedError(options.maxInFlight)
    }
    try {
      const { requestId } = parent
      const outcomes = channels.batch.hasSubscribers
        ? await channels.batch.tracePromise(() => run(plan, request, arrival), { requestId, route, size })
        : await run(plan, request, arrival)
      return answer(reply, plan, outcomes, started)
    } finally {
      release()
    }
  }

  function run (plan: Plan, request: FastifyRequest, arrival: Arrival): Promise<Outcome[]> {
    if (!plan.atomic) return runItems(plan, arrival)
    return runInTransaction({
      adapter: options.transaction!,
      request,
      items: plan.items,
      timeout: options.subrequestTimeout,
      run: transaction => runItems(plan, arrival, transaction)
    })
  }

  async function runItems (plan: Plan, arrival: Arrival, transaction?: unknown): Promise<Outcome[]> {
    const refusal = arrival.gone ? new ClientGoneError() : closing ? new ClosingError() : undefined
    const run = startRun(plan, runSettings, { refusal, transaction })
    arrival.run = run
    runs.push(run)
    const outcomes = await run.outcomes
    arrival.run = undefined
    runs.splice(runs.indexOf(run), 1)
    return outcomes
  }

  function answer (reply: FastifyReply, plan: Plan, outcomes: readonly Outcome[], started: number): FastifyReply {
    const text = writeBatch(outcomes, plan.atomic, itemSettings)
    reply.code(options.responseStatus).type('application/json; charset=utf-8')
    const cookies = options.setCookie === 'forward' ? collectCookies(outcomes) : []
    if (cookies.length > 0) reply.header('set-cookie', cookies)
    // A connection that is kept alive would hold the close of the server back. HTTP/2 knows no such header.
    if (closing && reply.request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
    const { durationHeader } = options
    if (durationHeader !== false) reply.header(durationHeader, writeSeconds(performance.now() - started))
    return reply.send(text)
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
