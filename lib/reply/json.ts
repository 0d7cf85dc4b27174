import type { Outcome } from '../run.ts'
import { writeItem, type ItemSettings } from './item.ts'

/** Writes the answer to a batch as one JSON text. */
export function writeBatch (outcomes: readonly Outcome[], settings: ItemSettings): string {
  return `{"batch":[${outcomes.map(outcome => writeItem(outcome, settings)).join()}]}`
}
