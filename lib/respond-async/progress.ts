import type { StoredBatch } from '../storage.ts'
import type { BatchProgress } from '../wire/schema.ts'

const longestWait = 60

/** Says how far a batch has come. */
export function progressOf ({ items }: StoredBatch): BatchProgress {
  return {
    total: items.length,
    done: countDone(items),
    items: items.map(({ id, state, status }) => ({
      ...id === undefined ? {} : { id }, state, ...status === undefined ? {} : { status_code: status }
    }))
  }
}

/** Gives the seconds until it is worth asking again: what is left is expected to take as long as what is done. */
export function retryAfter ({ age, items }: StoredBatch): number {
  const done = countDone(items)
  const rest = done === 0 ? 0 : age / done * (items.length - done)
  return Math.min(Math.max(Math.ceil(rest / 1000), 1), longestWait)
}

function countDone (items: StoredBatch['items']): number {
  return items.filter(({ state }) => state === 'done').length
}
