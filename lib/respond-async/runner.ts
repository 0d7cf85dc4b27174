import { performance } from 'node:perf_hooks'
import type { FastifyError } from 'fastify'
import { channels } from '../diagnostics.ts'
import { CancelledError, ClosingError, NotResumedError } from '../errors.ts'
import { planBatch, type Plan, type PlanRules } from '../plan.ts'
import { startRun, type Run, type RunSettings } from '../run.ts'
import type { BatchStorage, ClaimedBatch } from '../storage.ts'
import { failedSubresponse } from '../subresponse.ts'
import type { BatchSummary } from '../wire/schema.ts'
import { Recorder } from './recorder.ts'

export interface RunnerSettings {
  readonly storage: BatchStorage
  /** Names the batch route. */
  readonly route: string
  readonly rules: PlanRules
  readonly runSettings: RunSettings
  /** How many batches are run at once. */
  readonly concurrency: number
}

interface Active {
  readonly batch: ClaimedBatch
  readonly recorder: Recorder
  readonly run: Run
  cancelled: boolean
}

// Milliseconds between two looks for batches of which nobody has told this process.
const interval = 1000

/** Runs the stored batches of a route that no other process runs. */
export class Runner {
  readonly #settings: RunnerSettings
  readonly #active = new Map<string, Active>()
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #again = false
  #closing = false

  constructor (settings: RunnerSettings) {
    this.#settings = settings
  }

  start (): void {
    this.#timer = setInterval(() => { this.look() }, interval)
    this.look()
  }

  /** Looks for what there is to be run, or cancelled. */
  async look (): Promise<void> {
    // There may be more since the last one began.
    this.#again = true
    if (this.#looking) return
    this.#looking = true
    while (this.#again && !this.#closing) {
      this.#again = false
      try {
        if (await this.#next()) this.#again = true
      } catch (error) {
        // There is another look. If the storage is only away, it says so itself.
        if ((error as FastifyError).statusCode !== 503) this.#settings.runSettings.app.log.error(error)
      }
    }
    this.#looking = false
  }

  /** Leaves all batches to other processes. */
  async close (): Promise<void> {
    this.#closing = true
    clearInterval(this.#timer)
    await Promise.all([...this.#active.values()].map(async ({ batch, recorder, run }) => {
      recorder.close()
      const released = batch.release()
      run.stop(new ClosingError())
      await released
    }))
  }

  /** Gives whether there was something to run. */
  async #next (): Promise<boolean> {
    const { storage, route, concurrency } = this.#settings
    // Before each claim: it must not find what this process runs already.
    if (this.#active.size > 0) {
      for (const id of await storage.renew(route, [...this.#active.keys()])) this.#cancel(this.#active.get(id))
    }
    if (this.#active.size >= concurrency) return false
    const batch = await storage.claim(route)
    if (batch === undefined) return false
    if (this.#closing || this.#active.has(batch.id)) await batch.release()
    else this.#run(batch)
    return true
  }

  async #run (batch: ClaimedBatch): Promise<void> {
    const { route } = this.#settings
    const { parent: { requestId, size } } = batch
    await channels.batch.tracePromise(() => this.#runToEnd(batch), { requestId, route, size })
    this.#active.delete(batch.id)
    this.look()
  }

  async #runToEnd (batch: ClaimedBatch): Promise<BatchSummary> {
    const { rules, runSettings } = this.#settings
    const recorder = new Recorder(batch)
    let plan: Plan
    try {
      plan = planBatch(batch.body, batch.parent, rules)
    } catch (cause) {
      return this.#giveUp(batch, recorder, new NotResumedError({ cause }))
    }
    const executor = { ...runSettings.executor.executor, execute: batch.execute.bind(batch) }
    const settings = { ...runSettings, executor: { ...runSettings.executor, executor } }
    const { left, timeout } = batch
    const deadline = performance.now() + left
    const run = startRun(plan, settings, { sink: recorder, deadline, timeout, progress: batch })
    const active = { batch, recorder, run, cancelled: false }
    this.#active.set(batch.id, active)
    if (batch.cancelled) this.#cancel(active)
    recorder.open()
    await run.ended
    return this.#finish(batch, recorder)
  }

  /** Answers what is left of a batch that the route would not take any more. */
  async #giveUp (batch: ClaimedBatch, recorder: Recorder, error: FastifyError): Promise<BatchSummary> {
    this.#settings.runSettings.app.log.error({ err: error }, error.message)
    for (const [index, { id, method }] of batch.body.batch.entries()) {
      const subresponse = failedSubresponse(error, batch.started.has(index) ? 'unknown' : 'not_started')
      recorder.deliver({ index, id, method, url: undefined, subresponse, duration: 0, abandoned: false })
    }
    return this.#finish(batch, recorder)
  }

  async #finish (batch: ClaimedBatch, recorder: Recorder): Promise<BatchSummary> {
    const summary = await recorder.finish()
    if (!this.#closing) await batch.finish()
    return summary
  }

  #cancel (active: Active | undefined): void {
    if (active === undefined || active.cancelled) return
    active.cancelled = true
    const { batch, recorder, run } = active
    const error = new CancelledError()
    run.drain(error)
    batch.withdraw(recorder.missing(batch.parent.size), error)
  }
}
