import type { FastifyError } from 'fastify'
import type { PlannedItem } from './plan/item.ts'
import { failedSubresponse, type Subresponse } from './subresponse.ts'

/** How one item ended. Plain data, so that it can be stored. */
export interface Outcome {
  readonly index: number
  readonly id: string | undefined
  /** As the client wrote it. */
  readonly method: string
  /** Of what ran, or would have. `undefined` if values for it were still missing. */
  readonly url: string | undefined
  readonly subresponse: Subresponse
  /** Milliseconds from its start, 0 if it was not started. */
  readonly duration: number
  /** Whether it was answered while its handler may go on. */
  readonly abandoned: boolean
}

/** Gives the outcome of an item that ran. */
export function ended (
  { item: { id, method }, index }: PlannedItem, url: string | undefined, subresponse: Subresponse,
  { duration, abandoned }: Pick<Outcome, 'duration' | 'abandoned'>
): Outcome {
  return { index, id, method, url, subresponse, duration, abandoned }
}

const notRun = Object.freeze({ duration: 0, abandoned: false })

/** Gives the outcome of an item that did not run. */
export function notStarted (planned: PlannedItem, error: FastifyError): Outcome {
  return ended(planned, planned.content && planned.item.url, failedSubresponse(error, 'not_started'), notRun)
}
