import type { FastifyError } from 'fastify'
import { failedSubresponse, type IncompleteOutcome, type Subresponse } from '../../subresponse.ts'

/** A subrequest that is not answered yet. */
interface Pending {
  readonly answer: Promise<Subresponse>
  readonly resolve: (subresponse: Subresponse) => void
}

/** The answers that an API process waits for, by the ids of their tasks. */
export class Answers {
  readonly #read: (id: string) => Promise<Subresponse | undefined>
  readonly #pending = new Map<string, Pending>()

  /** `read` gives an answer if it is there. */
  constructor (read: (id: string) => Promise<Subresponse | undefined>) {
    this.#read = read
  }

  /** Whether one is waited for. */
  isExpected (id: string): boolean {
    return this.#pending.has(id)
  }

  /** Waits for an answer. */
  expect (id: string): Promise<Subresponse> {
    let resolve: Pending['resolve']
    const answer = new Promise<Subresponse>(settle => { resolve = settle })
    this.#pending.set(id, { answer, resolve: resolve! })
    return answer
  }

  /** Answers with an error. Gives whether there was no answer before. */
  fail (id: string, error: FastifyError, outcome: IncompleteOutcome): boolean {
    return this.#settle(id, failedSubresponse(error, outcome))
  }

  /** Looks for an answer that is waited for. */
  async look (id: string): Promise<void> {
    if (!this.isExpected(id)) return
    try {
      const subresponse = await this.#read(id)
      if (subresponse !== undefined) this.#settle(id, subresponse)
    } catch {
      // Redis is away: there is another look.
    }
  }

  /** Looks for all that are waited for. */
  lookForAll (): void {
    for (const id of this.#pending.keys()) this.look(id)
  }

  /** Resolves when none is waited for any more. */
  async idle (): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ answer }) => answer))
  }

  #settle (id: string, subresponse: Subresponse): boolean {
    const pending = this.#pending.get(id)
    if (pending === undefined) return false
    this.#pending.delete(id)
    pending.resolve(subresponse)
    return true
  }
}
