import type { FastifyInstance } from 'fastify'

const inFlight = new WeakMap<FastifyInstance, number>()

/**
 * Admits the items of a batch to an app, or refuses the batch whole: an accepted batch is never cut short by load.
 * The count is one for all batch routes of the app.
 * @returns what to call when the batch is answered, or `undefined` if more than `limit` items would be unanswered
 */
export function admit (root: FastifyInstance, items: number, limit: number): (() => void) | undefined {
  const before = inFlight.get(root) ?? 0
  if (before + items > limit) return undefined
  inFlight.set(root, before + items)
  return () => { inFlight.set(root, inFlight.get(root)! - items) }
}
