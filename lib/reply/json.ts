import type { Outcome } from '../outcome.ts'
import { writeItem, type ItemSettings } from './item.ts'
import { summarize } from './summary.ts'

/** Writes the answer to a batch as one JSON text. */
export function writeBatch (outcomes: readonly Outcome[], atomic: boolean, settings: ItemSettings): string {
  const answers = outcomes.map(outcome => writeItem(outcome, settings)).join()
  return `{"batch":[${answers}],"summary":${JSON.stringify(summarize(outcomes, atomic))}}`
}
