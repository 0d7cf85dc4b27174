import type { Outcome } from '../outcome.ts'
import { valueAt } from '../plan/bindings.ts'
import type { PlannedItem } from '../plan/item.ts'
import { isJson, isShownHeader, textOf, type Subresponse } from '../subresponse.ts'

/** What bindings see of an answer: what the client will see of it, with its body parsed. */
interface Answer {
  readonly status_code: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

interface Kept {
  readonly outcome: Outcome
  /** How many items may still take something from it. */
  takers: number
  /** Read once, however many bindings take from it. */
  answer?: Answer
}

export interface AnswersSettings {
  /** Whether answers show `set-cookie`. */
  readonly exposeCookies: boolean
}

/**
 * The answers of a batch that later items take something from: bindings a value, duplicates all of it. Each is let go
 * of with the last item that does: a large batch whose answers are streamed is never in memory as a whole.
 */
export class Answers {
  readonly #settings: AnswersSettings
  readonly #kept = new Map<PlannedItem, Kept>()

  constructor (settings: AnswersSettings) {
    this.#settings = settings
  }

  /** Keeps an answer, if an item that still waits may take something from it. */
  keep (planned: PlannedItem, outcome: Outcome, waits: (planned: PlannedItem) => boolean): void {
    const { dependents, duplicates } = planned
    if (dependents.length + duplicates.length === 0) return
    const bound = dependents.filter(({ bindings }) => bindings.length > 0)
    const takers = [...bound, ...duplicates].filter(waits).length
    if (takers > 0) this.#kept.set(planned, { outcome, takers })
  }

  /** Gives the outcome of an item that was kept. */
  outcomeOf (planned: PlannedItem): Outcome {
    return this.#kept.get(planned)!.outcome
  }

  /** Gives the value that a path leads to in the answer of an item, or `undefined`. */
  valueAt (planned: PlannedItem, path: readonly string[]): unknown {
    const kept = this.#kept.get(planned)!
    kept.answer ??= readAnswer(kept.outcome.subresponse, this.#settings)
    return valueAt(kept.answer, path)
  }

  /** Says that an item takes nothing any more: it has what it needs, or does not run. */
  release ({ original, bindings, dependencies }: PlannedItem): void {
    if (original !== undefined) this.#releaseOne(original)
    else if (bindings.length > 0) for (const dependency of dependencies) this.#releaseOne(dependency)
  }

  #releaseOne (planned: PlannedItem): void {
    const kept = this.#kept.get(planned)
    // One that has not ended is not kept, nor will it be for this item.
    if (kept === undefined) return
    kept.takers--
    if (kept.takers === 0) this.#kept.delete(planned)
  }
}

function readAnswer (subresponse: Subresponse, { exposeCookies }: AnswersSettings): Answer {
  const { status, headers } = subresponse
  const shown = Object.entries(headers).filter(([name]) => isShownHeader(name, exposeCookies))
  return { status_code: status, headers: Object.fromEntries(shown), body: readBody(subresponse) }
}

function readBody (subresponse: Subresponse): unknown {
  const text = textOf(subresponse)
  if (text === undefined || !isJson(subresponse)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
