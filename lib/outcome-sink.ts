import { Buffer } from 'node:buffer'
import type { Outcome } from './outcome.ts'

/** Where the outcomes of a batch go, each as soon as it is known. */
export interface OutcomeSink {
  /** Takes the outcome of one item. Never throws. */
  deliver (outcome: Outcome): void
  /** How many bytes of answers it holds, which the client has not taken yet. */
  readonly heldBytes: number
  /** Whether nothing further is to start, until it calls `onRoom`. */
  readonly full: boolean
  /** Called when it is no longer full. Set by the run. */
  onRoom?: () => void
}

/** Keeps all outcomes, in the order of the items. */
export class OutcomeList implements OutcomeSink {
  readonly outcomes: Outcome[]
  readonly full = false
  heldBytes = 0

  constructor (size: number) {
    this.outcomes = new Array(size)
  }

  deliver (outcome: Outcome): void {
    const { index, subresponse } = outcome
    this.outcomes[index] = outcome
    // What the plugin itself answers is small, and always has its place.
    if (subresponse.outcome === undefined) this.heldBytes += Buffer.byteLength(subresponse.body)
  }
}
