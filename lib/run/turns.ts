import { performance } from 'node:perf_hooks'
import type { Release, TakeTurn } from '../shared-executor.ts'

// How long one batch may start subrequests before all others get a turn, in milliseconds.
const turnLength = 1

/** What turns a batch may take. */
export interface TurnsSettings {
  /** How many subrequests of the batch may run at once. */
  readonly perBatch: number
  /** Takes a turn among all batches. `undefined` where they do not share a limit. */
  readonly takeTurn: TakeTurn | undefined
  /** How many items may start now. */
  ready (): number
  /** How many subrequests run. */
  running (): number
  /** Starts the next item, if there still is one. `now` is by `performance.now()`. */
  startNext (release: Release | undefined, now: number): void
}

/**
 * Takes turns for a batch: each starts one subrequest.
 *
 * Subrequests that run at the same time start in turns of the event loop of their own, as requests from sockets do:
 * what the hooks of one do before they first wait for something is done before the next one starts. One that starts
 * when nothing else runs may do so in the turn of the one before, for as long as a turn may take.
 */
export class Turns {
  readonly #settings: TurnsSettings
  #due = 0
  #end = 0
  #waiting = false

  constructor (settings: TurnsSettings) {
    this.#settings = settings
  }

  /**
   * Lets start what may start now. To be called again whenever that may have changed. `now` is by `performance.now()`,
   * if it is known.
   */
  advance (now?: number): void {
    const { ready, running, perBatch, takeTurn } = this.#settings
    while (!this.#waiting && this.#due < ready() && running() + this.#due < perBatch) {
      if (takeTurn === undefined) this.#startSoon(undefined, now)
      else this.#waitForTurn(takeTurn)
    }
  }

  #waitForTurn (takeTurn: TakeTurn): void {
    let atOnce = true
    this.#waiting = true
    takeTurn(release => {
      this.#waiting = false
      this.#startSoon(release)
      if (!atOnce) this.advance()
    })
    atOnce = false
  }

  #startSoon (release?: Release, time?: number): void {
    if (this.#settings.running() + this.#due === 0) {
      const now = time ?? performance.now()
      if (now < this.#end) return this.#start(release, now)
    }
    this.#due++
    setImmediate(() => {
      this.#due--
      const now = performance.now()
      this.#end = now + turnLength
      this.#start(release, now)
    })
  }

  #start (release: Release | undefined, now: number): void {
    const end = this.#end
    // No subrequest starts from inside the start of another.
    this.#end = 0
    this.#settings.startNext(release, now)
    this.#end = end
  }
}
