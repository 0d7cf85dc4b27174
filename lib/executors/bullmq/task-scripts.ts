// What must happen in Redis as one step. The hash of a task is the right to run it: without it, nobody does. It ends by
// itself when the API process has given the subrequest up, by the clock of Redis alone.
import type { Redis } from 'ioredis'

/** How long Redis keeps a task after it was given up, if nobody can say so: in milliseconds. */
export const grace = 1000

/** A task, as it is put into Redis. */
export interface NewTask {
  readonly message: Buffer
  /** How many milliseconds there are until it is given up. */
  readonly left: number
  /** How often it may be started: more than once only if that does no harm. */
  readonly starts: number
}

/** What a worker gets: the task, or that it was started as often as it may be, or that nobody waits for it. */
export type Claim = ClaimedTask | 'spent' | 'gone'

export interface ClaimedTask {
  readonly message: Buffer
  /** How many milliseconds there are until it is given up. */
  readonly left: number
}

/** Puts a task where a worker can claim it. */
export async function storeTask (redis: Redis, key: string, { message, left, starts }: NewTask): Promise<'stored'> {
  await redis.eval(`
    redis.call('HSET', KEYS[1], 'message', ARGV[1], 'starts', ARGV[2])
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  `, 1, key, message, starts, left + grace)
  return 'stored'
}

/**
 * Takes a task, for a delivery of it to a worker. Can be repeated for the same delivery: a connection that comes back
 * sends once more what it had no reply to.
 */
export async function claimTask (redis: Redis, key: string, worker: string, delivery: string): Promise<Claim> {
  const claimed = await redis.callBuffer('EVAL', `
    local task = redis.call('HMGET', KEYS[1], 'message', 'starts', 'delivery')
    local left = redis.call('PTTL', KEYS[1]) - ARGV[3]
    if left <= 0 or not task[1] then return 'gone' end
    if task[3] ~= ARGV[2] then
      if tonumber(task[2]) <= 0 then return 'spent' end
      redis.call('HINCRBY', KEYS[1], 'starts', -1)
      redis.call('HSET', KEYS[1], 'worker', ARGV[1], 'delivery', ARGV[2])
    end
    return { task[1], left }
  `, 1, key, worker, delivery, grace) as Buffer | [Buffer, number]
  if (Array.isArray(claimed)) return { message: claimed[0], left: Number(claimed[1]) }
  return String(claimed) as 'spent' | 'gone'
}

/**
 * Puts the answer to a task into the place of its subrequest, and says so on a channel, if it is still waited for.
 * One that is to be kept is kept until its outcome is recorded.
 */
export async function answerTask (
  redis: Redis, key: string, channel: string, { id, message }: { id: string, message: Buffer }
): Promise<void> {
  await redis.eval(`
    if redis.call('HDEL', KEYS[1], 'message') == 0 then return end
    redis.call('HSET', KEYS[1], 'answer', ARGV[2])
    local kept = redis.call('HGET', KEYS[1], 'kept')
    if kept then redis.call('PEXPIRE', KEYS[1], kept) end
    redis.call('PUBLISH', ARGV[3], ARGV[1])
  `, 1, key, id, message, channel)
}

/** Gives the answer to a task, if it is there. */
export async function loadAnswer (redis: Redis, key: string): Promise<Buffer | undefined> {
  return await redis.hgetBuffer(key, 'answer') ?? undefined
}

/** Takes back a task that was not started. Gives what has become of it instead if it was. */
export async function withdrawTask (redis: Redis, key: string): Promise<'withdrawn' | 'started' | 'answered' | 'gone'> {
  return await redis.eval(`
    local task = redis.call('HMGET', KEYS[1], 'starts', 'worker', 'answer')
    if not task[1] then return 'gone' end
    if task[3] then return 'answered' end
    if task[2] then return 'started' end
    redis.call('DEL', KEYS[1])
    return 'withdrawn'
  `, 1, key) as 'withdrawn' | 'started' | 'answered' | 'gone'
}

/** Gives a task up, and tells the worker that runs it, on its channel: `aborts` with the worker behind it. */
export async function abortTask (redis: Redis, key: string, id: string, aborts: string): Promise<void> {
  await redis.eval(`
    local worker = redis.call('HGET', KEYS[1], 'worker')
    redis.call('DEL', KEYS[1])
    if worker then redis.call('PUBLISH', ARGV[1] .. worker, ARGV[2]) end
  `, 1, key, aborts, id)
}
