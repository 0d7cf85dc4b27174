import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Outcome } from '../../outcome.ts'
import type { BatchStorage, ClaimedBatch, Creation, NewBatch, StoredBatch, StoredItem } from '../../storage.ts'
import { cancelBatch, claimBatch, createBatch, lookAtBatch, renewBatches } from './batch-scripts.ts'
import type { QueueClient } from './client.ts'
import { QueuedBatch } from './queued-batch.ts'
import { readBatch, readOutcome, writeBatch } from './message.ts'

// How many outcomes are read at once: each may have megabytes.
const atOnce = 8

/** Keeps batches in the Redis of a queue. `client` gives the way there, once there is one. */
export function queueStorage (client: () => QueueClient): BatchStorage {
  return { create, claim, renew, read, readOutcomes, cancel, watch }

  async function create ({ body, parent, repetition, maxBatches, ...rest }: NewBatch): Promise<Creation> {
    const { keys } = client()
    const id = randomBytes(16).toString('base64url')
    const ids = JSON.stringify(body.batch.map(({ id = null }) => id))
    const fields = { ...rest, id, ids, size: body.batch.length, batch: writeBatch({ body, parent }) }
    const created = await ask(redis => createBatch(redis, {
      batch: keys.batch(id),
      unfinished: keys.unfinished(rest.route),
      repetition: repetition === undefined ? '' : keys.repetition(repetition.key)
    }, fields, { maxBatches, fingerprint: repetition?.fingerprint ?? '' }))
    return created === 'reused' || created === 'full' ? created : { id: created }
  }

  async function claim (route: string): Promise<ClaimedBatch | undefined> {
    const { keys } = client()
    const fields = await ask(redis => claimBatch(redis, keys.unfinished(route), keys.batch('')))
    if (fields === undefined) return undefined
    const outcomes: Outcome[] = []
    while (outcomes.length < fields.done.length) outcomes.push(...await readOutcomes(fields.id, outcomes.length))
    return QueuedBatch.claim(client(), { route, outcomes, ...fields, ...readBatch(fields.batch) })
  }

  async function renew (route: string, ids: readonly string[]): Promise<string[]> {
    const { keys } = client()
    return ask(redis => renewBatches(redis, keys.unfinished(route), keys.batch(''), ids))
  }

  async function read (id: string): Promise<StoredBatch | undefined> {
    const { keys } = client()
    const found = await ask(redis => lookAtBatch(redis, keys.batch(id), keys.task(`${id}.`)))
    if (found === null) return undefined
    const { ids, states, age, duration, ...rest } = found
    return {
      ...rest,
      age: Number(age),
      duration: duration === null ? undefined : Number(duration),
      items: (JSON.parse(ids) as Array<string | null>).map((id, index) => storedItem(id ?? undefined, states[index]!))
    }
  }

  async function readOutcomes (id: string, from: number): Promise<Outcome[]> {
    const messages = await ask(redis => redis.lrangeBuffer(client().keys.outcomes(id), from, from + atOnce - 1))
    return messages.map(readOutcome)
  }

  async function cancel (id: string): Promise<void> {
    await ask(redis => cancelBatch(redis, client().keys.batch(id)))
  }

  async function watch (id: string, listener: () => void): Promise<() => void> {
    const { connections, keys } = client()
    return connections.listen(keys.batch(id), listener)
  }

  /** @throws QueueUnavailableError */
  function ask<Result> (question: (redis: Redis) => Promise<Result>): Promise<Result> {
    const { connections } = client()
    return connections.attempt(() => question(connections.redis))
  }
}

/** A state is the status of an item that has ended, or the state of another one. */
function storedItem (id: string | undefined, state: string): StoredItem {
  if (state === 'waiting' || state === 'running') return { id, state }
  return { id, state: 'done', status: Number(state) }
}
