import process from 'node:process'
import { Readable } from 'node:stream'
import type { Outcome } from '../outcome.ts'
import type { BatchSummary } from '../wire/schema.ts'
import type { BatchAnswer, SentAnswer } from './answer.ts'
import { writeDurationHeader, writeMembers, type ItemSettings } from './item.ts'
import { Summary } from './summary.ts'

const headers = Object.freeze({
  'content-type': 'application/x-ndjson',
  // nginx, and what has learned it from there, would hold lines back until they fill a buffer.
  'x-accel-buffering': 'no'
})

export interface LinesSettings extends ItemSettings {
  /** Whether cookies are moved to the head of the answer. */
  readonly forwardCookies: boolean
}

/**
 * The answer to a batch as lines of JSON, one for each item as soon as it is known, and the summary as the last.
 * The head goes out with the first line. What the client does not take holds back what was not started.
 */
export class NdjsonAnswer extends Readable implements BatchAnswer {
  readonly headers = headers
  readonly begun: Promise<void>
  full = false
  onRoom?: () => void
  readonly #settings: LinesSettings
  readonly #summary: Summary
  #begin!: () => void
  /** What was delivered before the head was sent. */
  #early: Outcome[] | undefined = []
  #ended = false
  #duration = 0

  constructor (atomic: boolean, settings: LinesSettings) {
    super()
    this.#settings = settings
    this.#summary = new Summary(atomic)
    this.begun = new Promise(resolve => { this.#begin = resolve })
  }

  get heldBytes (): number {
    return this.readableLength
  }

  deliver (outcome: Outcome): void {
    this.#summary.add(outcome)
    if (this.#early !== undefined) {
      this.#early.push(outcome)
      // Nothing further starts until somebody reads: what it would be answered with could find no room.
      this.full = true
      return this.#begin()
    }
    try {
      this.#pushLine(outcome, this.#settings.forwardCookies && setsCookies(outcome))
    } catch (error) {
      // An executor of somebody else can answer with what is no JSON: the client must see that lines are missing.
      this.destroy(error as Error)
    }
  }

  finish (milliseconds: number): BatchSummary {
    this.#ended = true
    this.#duration = milliseconds
    if (this.#early === undefined) this.#pushEnd()
    return this.#summary.toJSON()
  }

  send (): SentAnswer {
    const outcomes = this.#early!
    this.#early = undefined
    for (const outcome of outcomes) this.#pushLine(outcome, false)
    this.full = true
    if (this.#ended) this.#pushEnd()
    const inOrder = outcomes.toSorted((a, b) => a.index - b.index)
    return { payload: this, outcomes: inOrder, duration: undefined }
  }

  override _read (): void {
    if (!this.full) return
    this.full = false
    // When it is called, what makes the room has not been taken yet.
    process.nextTick(() => { this.onRoom!() })
  }

  #pushLine (outcome: Outcome, cookiesDropped: boolean): void {
    if (this.destroyed) return
    // An embedded body may have line breaks between its tokens, where a space means the same (RFC 8259 section 2).
    const members = writeMembers(outcome, this.#settings).replace(/[\r\n]/g, ' ')
    const said = cookiesDropped ? ',"set_cookie":"dropped"' : ''
    this.full = !this.push(`{"index":${outcome.index},${members}${said}}\n`)
  }

  #pushEnd (): void {
    if (this.destroyed) return
    const { durationHeader } = this.#settings
    const duration = durationHeader === false ? '' : `,"headers":{${writeDurationHeader(durationHeader, this.#duration)}}`
    this.push(`{"summary":${JSON.stringify(this.#summary)}${duration}}\n`)
    this.push(null)
  }
}

function setsCookies ({ subresponse: { headers, outcome } }: Outcome): boolean {
  return headers['set-cookie'] !== undefined && outcome === undefined
}
