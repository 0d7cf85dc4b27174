import { OutcomeList } from '../outcome-sink.ts'
import type { BatchSummary } from '../wire/schema.ts'
import type { BatchAnswer, SentAnswer } from './answer.ts'
import { writeItem, type ItemSettings } from './item.ts'
import { Summary } from './summary.ts'

const headers = Object.freeze({ 'content-type': 'application/json; charset=utf-8' })

/** The answer to a batch as one JSON text, with the answers in the order of the items. */
export class JsonAnswer extends OutcomeList implements BatchAnswer {
  readonly headers = headers
  readonly begun: Promise<void>
  readonly #settings: ItemSettings
  readonly #summary: Summary
  #begin!: () => void
  #summed!: BatchSummary
  #duration = 0

  constructor (size: number, atomic: boolean, settings: ItemSettings) {
    super(size)
    this.#settings = settings
    this.#summary = new Summary(atomic)
    this.begun = new Promise(resolve => { this.#begin = resolve })
  }

  finish (milliseconds: number): BatchSummary {
    for (const outcome of this.outcomes) this.#summary.add(outcome)
    this.#summed = this.#summary.toJSON()
    this.#duration = milliseconds
    this.#begin()
    return this.#summed
  }

  send (): SentAnswer {
    const answers = this.outcomes.map(outcome => writeItem(outcome, this.#settings)).join()
    const payload = `{"batch":[${answers}],"summary":${JSON.stringify(this.#summed)}}`
    return { payload, outcomes: this.outcomes, duration: this.#duration }
  }
}
