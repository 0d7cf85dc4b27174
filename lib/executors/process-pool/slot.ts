import type { FastifyBaseLogger } from 'fastify'
import { Worker, type WorkerSettings } from './worker.ts'

// Milliseconds before another attempt, when a worker did not boot. It doubles with each that fails.
const firstPause = 100
const longestPause = 30_000

// After so many attempts in a row, others are made only when there are subrequests, and those are not held up by it.
const patience = 3

// What an attempt counts that somebody else ended: of those, there may be more.
const killedAttempt = 0.15

// Milliseconds before the next one, when a worker ended that had answered nothing.
const uselessPause = 500

/** The place of one worker in a pool. It sees to it that there is one. */
export class Slot {
  /** The worker that boots or runs. */
  worker: Worker | undefined
  /** Those that were replaced, and have not ended. */
  readonly #leaving = new Set<Worker>()
  #failures = 0
  #pause: NodeJS.Timeout | undefined
  #closed = false
  readonly #settings: WorkerSettings
  readonly #log: FastifyBaseLogger
  readonly #onChange: () => void

  /** @param onChange called when the worker has booted, and when there is none */
  constructor (settings: WorkerSettings, log: FastifyBaseLogger, onChange: () => void) {
    this.#settings = settings
    this.#log = log
    this.#onChange = onChange
  }

  /** Whether nobody should wait for this one: the last workers did not boot. */
  get isHopeless (): boolean {
    return this.#failures >= patience
  }

  /** Starts a worker, if there is none, and the last attempt was long enough ago. */
  fill (): void {
    if (this.worker !== undefined || this.#pause !== undefined || this.#closed) return
    this.worker = new Worker(this.#settings)
    this.#watch(this.worker)
  }

  /** Lets the worker finish what it has, and starts another one. */
  replace (): void {
    const worker = this.worker!
    this.#log.info({ worker: worker.pid, memory: worker.memory }, 'a worker of the process pool has grown too large and is replaced')
    this.#leaving.add(worker)
    this.worker = undefined
    this.fill()
    worker.close()
  }

  /** Ends the worker, as it wants to. */
  async close (): Promise<void> {
    this.#closed = true
    clearTimeout(this.#pause)
    await Promise.all([this.worker, ...this.#leaving].map(worker => worker?.close()))
  }

  async #watch (worker: Worker): Promise<void> {
    try {
      await worker.booted
      this.#failures = 0
      this.#onChange()
      const exit = await worker.exited
      if (!worker.isClosed) this.#log.error({ worker: worker.pid, ...exit }, 'a worker of the process pool ended')
      if (!worker.hasAnswered) this.#pauseFor(uselessPause)
    } catch (error) {
      if (!worker.isClosed) this.#log.error({ worker: worker.pid, err: error }, 'a worker of the process pool did not boot')
      this.#failures += worker.wasKilled ? killedAttempt : 1
      this.#pauseFor(Math.min(firstPause * 2 ** Math.floor(this.#failures), longestPause))
    }
    if (!this.#leaving.delete(worker)) this.worker = undefined
    this.fill()
    this.#onChange()
  }

  #pauseFor (milliseconds: number): void {
    if (this.#closed) return
    this.#pause = setTimeout(() => {
      this.#pause = undefined
      if (!this.isHopeless) this.fill()
    }, milliseconds).unref()
  }
}
