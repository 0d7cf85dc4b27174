import type { FastifyInstance } from 'fastify'

/** A batch that was admitted. Times are milliseconds by `performance.now()`. */
interface Admitted {
  readonly items: number
  readonly began: number
  /** When it has ended at the latest. */
  readonly deadline: number
}

const admissions = new WeakMap<FastifyInstance, Admission>()

// How much of the average a batch that ended makes up.
const weight = 0.1

/**
 * Admits the items of a batch, or refuses the batch whole: an accepted batch is never cut short by load.
 * There is one for all batch routes of an app.
 */
export class Admission {
  // Not a Set: its outgrown tables, once they are old, hold what was in them until the next full collection.
  readonly #batches: Admitted[] = []
  #items = 0
  /** How long batches take, in milliseconds, the last ones most of all. */
  #average: number | undefined

  /** Gives the admission of an app. */
  static of (root: FastifyInstance): Admission {
    const admission = admissions.get(root) ?? new Admission()
    admissions.set(root, admission)
    return admission
  }

  /** Gives what to call when the batch is answered, or `undefined` if more than `limit` items would be unanswered. */
  admit (items: number, limit: number, now: number, deadline: number): ((now: number) => void) | undefined {
    if (this.#items + items > limit) return undefined
    const batch = { items, began: now, deadline }
    this.#batches.push(batch)
    this.#items += items
    return now => {
      this.#batches.splice(this.#batches.indexOf(batch), 1)
      this.#items -= items
      const took = now - batch.began
      this.#average = this.#average === undefined ? took : this.#average + (took - this.#average) * weight
    }
  }

  /**
   * Gives the seconds until there will be room for so many items, as far as it can be told: a batch is expected to take
   * as long as others did; one that takes longer, as long again as it already has; and none longer than its deadline.
   */
  retryAfter (items: number, limit: number, now: number): number {
    const ends = this.#batches.map(({ items, began, deadline }) => {
      const age = now - began
      return { items, rest: Math.min(Math.max((this.#average ?? 0) - age, age), deadline - now) }
    }).sort((a, b) => a.rest - b.rest)
    let left = this.#items + items - limit
    let wait = 0
    for (const batch of ends) {
      if (left <= 0) break
      left -= batch.items
      wait = batch.rest
    }
    return Math.max(Math.ceil(wait / 1000), 1)
  }
}
