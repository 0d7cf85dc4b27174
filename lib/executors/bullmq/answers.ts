import type { FastifyError } from 'fastify'
import type { Redis } from 'ioredis'
import { failedSubresponse, type IncompleteOutcome, type Subresponse } from '../../subresponse.ts'
import { readAnswer } from './message.ts'

/** A subrequest that is not answered yet. */
interface Pending {
  readonly answer: Promise<Subresponse>
  readonly resolve: (subresponse: Subresponse) => void
}

// How many are read at once: each may have megabytes.
const atOnce = 8

/** The answers that an API process waits for, and the list in Redis where they arrive. */
export class Answers {
  readonly #redis: Redis
  readonly #key: string
  readonly #pending = new Map<string, Pending>()
  #reading = Promise.resolve()
  #nextReading: Promise<void> | undefined

  constructor (redis: Redis, key: string) {
    this.#redis = redis
    this.#key = key
  }

  /** How many are waited for. */
  get size (): number {
    return this.#pending.size
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

  /** Reads what is there by now. Calls at the same time share one reading that starts after them. */
  read (): Promise<void> {
    this.#nextReading ??= this.#reading.then(() => {
      this.#reading = this.#nextReading!
      this.#nextReading = undefined
      return this.#readList()
    })
    return this.#nextReading
  }

  /** Resolves when none is waited for any more. */
  async idle (): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ answer }) => answer))
  }

  async #readList (): Promise<void> {
    try {
      let messages: Buffer[]
      do {
        messages = await this.#redis.lrangeBuffer(this.#key, 0, atOnce - 1)
        for (const message of messages) this.#take(message)
        if (messages.length > 0) await this.#redis.ltrim(this.#key, messages.length, -1)
      } while (messages.length === atOnce)
    } catch {
      // Redis is away: there is another look.
    }
  }

  #take (message: Buffer): void {
    try {
      const { id, subresponse } = readAnswer(message)
      this.#settle(id, subresponse)
    } catch {
      // No worker of ours wrote it.
    }
  }

  #settle (id: string, subresponse: Subresponse): boolean {
    const pending = this.#pending.get(id)
    if (pending === undefined) return false
    this.#pending.delete(id)
    pending.resolve(subresponse)
    return true
  }
}
