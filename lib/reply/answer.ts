import type { Readable } from 'node:stream'
import type { OutcomeSink } from '../outcome-sink.ts'
import type { Outcome } from '../outcome.ts'
import type { BatchSummary } from '../wire/schema.ts'

/** The answer to a batch while it comes into being. */
export interface BatchAnswer extends OutcomeSink {
  /** Headers that it has whatever the items are answered with. */
  readonly headers: Readonly<Record<string, string>>
  /** Resolves when its head can be sent. */
  readonly begun: Promise<void>
  /** Says that all outcomes were delivered, and how long the batch took. */
  finish (milliseconds: number): BatchSummary
  /** Gives what is to be sent. To be called once, when it has begun. */
  send (): SentAnswer
}

/** The answer to a batch at the moment in which its head is sent. */
export interface SentAnswer {
  readonly payload: string | Readable
  /** What is known by now, in the order of the items. Cookies of later ones come too late. */
  readonly outcomes: readonly Outcome[]
  /** How many milliseconds the batch took, if it has ended. */
  readonly duration: number | undefined
}
