import { Buffer } from 'node:buffer'
import type { OutcomeSink } from '../outcome-sink.ts'
import type { Outcome } from '../outcome.ts'
import { Summary } from '../reply/summary.ts'
import type { ClaimedBatch } from '../storage.ts'
import type { BatchSummary } from '../wire/schema.ts'

/** Stores the outcomes of a batch as soon as they are known. What was stored by another process stands. */
export class Recorder implements OutcomeSink {
  /** Until `open()`: what is known has to be taken in before anything starts. */
  full = true
  heldBytes = 0
  onRoom?: () => void
  readonly #batch: ClaimedBatch
  readonly #recorded = new Set<number>()
  readonly #pending: Array<Promise<void>> = []
  readonly #summary = new Summary(false)
  #closed = false

  constructor (batch: ClaimedBatch) {
    this.#batch = batch
    for (const outcome of batch.outcomes) this.#add(outcome)
  }

  deliver (outcome: Outcome): void {
    if (this.#closed || this.#recorded.has(outcome.index)) return
    this.#add(outcome)
    // The path is needed for cookies. Queries may be secret.
    this.#pending.push(this.#batch.record({ ...outcome, url: outcome.url?.split('?', 1)[0] }))
  }

  /** Lets the run start what may start. */
  open (): void {
    this.full = false
    this.onRoom!()
  }

  /** Takes nothing more: the batch is left to other processes. */
  close (): void {
    this.#closed = true
  }

  /** The items of a batch of this size that have no outcome. */
  missing (size: number): number[] {
    return Array.from({ length: size }, (_, index) => index).filter(index => !this.#recorded.has(index))
  }

  /** Resolves when all that was delivered is stored. */
  async finish (): Promise<BatchSummary> {
    await Promise.all(this.#pending)
    return this.#summary.toJSON()
  }

  #add (outcome: Outcome): void {
    const { index, subresponse } = outcome
    this.#recorded.add(index)
    this.#summary.add(outcome)
    if (subresponse.outcome === undefined) this.heldBytes += Buffer.byteLength(subresponse.body)
  }
}
