// Stored batches in Redis, changed in one step each. What an item of one is, follows from what there is: not started
// without a mark, under way with a mark and a task, ended with a mark and an outcome.
import type { Redis } from 'ioredis'
import { grace, type NewTask } from './task-scripts.ts'

/** How long a process that has claimed a batch may not be heard of before others may, in milliseconds. */
const lease = 3000

// Redis says the time in seconds and microseconds.
const now = "local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)"

/** What is stored of a batch from its beginning. */
export interface NewBatchFields {
  readonly id: string
  readonly route: string
  readonly owner: string
  /** Of its items, as JSON. */
  readonly ids: string
  readonly size: number
  readonly batch: Buffer
  readonly timeout: number
  readonly lifetime: number
}

export interface CreationKeys {
  readonly batch: string
  readonly unfinished: string
  /** `''` for none. */
  readonly repetition: string
}

/** Stores a batch, unless it is the repetition of another one, whose id is given, or there are too many. */
export async function createBatch (
  redis: Redis, keys: CreationKeys, fields: NewBatchFields, limits: { maxBatches: number, fingerprint: string }
): Promise<string> {
  const { id, timeout, lifetime, ...rest } = fields
  return await redis.eval(`
    if KEYS[3] ~= '' then
      local known = redis.call('HMGET', KEYS[3], 'id', 'fingerprint')
      if known[1] then return known[2] == ARGV[2] and known[1] or 'reused' end
    end
    if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[1]) then return 'full' end
    ${now}
    local kept = ARGV[4] + ARGV[5]
    redis.call('HSET', KEYS[1], 'created', now, 'timeout', ARGV[4], 'lifetime', ARGV[5], 'repetition', KEYS[3],
      unpack(ARGV, 6))
    redis.call('PEXPIRE', KEYS[1], kept)
    redis.call('ZADD', KEYS[2], now, ARGV[3])
    if KEYS[3] ~= '' then
      redis.call('HSET', KEYS[3], 'id', ARGV[3], 'fingerprint', ARGV[2])
      redis.call('PEXPIRE', KEYS[3], kept)
    end
    return ARGV[3]
  `, 3, keys.batch, keys.unfinished, keys.repetition,
  limits.maxBatches, limits.fingerprint, id, timeout, lifetime, ...Object.entries(rest).flat()) as string
}

/** What a batch is run from. */
export interface BatchFields {
  readonly id: string
  readonly batch: Buffer
  readonly timeout: number
  readonly age: number
  readonly cancelled: boolean
  readonly started: number[]
  readonly done: number[]
}

/** Claims the batch that waits for the longest time, if there is one. `batch` is how the keys of batches begin. */
export async function claimBatch (redis: Redis, unfinished: string, batch: string): Promise<BatchFields | undefined> {
  const claimed = await redis.callBuffer('EVAL', `
    ${now}
    while true do
      local id = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1)[1]
      if not id then return false end
      if redis.call('HEXISTS', ARGV[1] .. id, 'batch') == 1 then
        redis.call('ZADD', KEYS[1], now + ARGV[2], id)
        return { id, now - redis.call('HGET', ARGV[1] .. id, 'created'), redis.call('HGETALL', ARGV[1] .. id) }
      end
      -- It has expired.
      redis.call('ZREM', KEYS[1], id)
    end
  `, 1, unfinished, batch, lease) as [id: Buffer, age: number, fields: Buffer[]] | null
  if (claimed === null) return undefined
  const [id, age, members] = claimed
  const fields = new Map<string, Buffer>()
  for (let i = 0; i < members.length; i += 2) fields.set(String(members[i]), members[i + 1]!)
  const indexes = (kind: string) =>
    [...fields.keys()].filter(name => name.startsWith(kind)).map(name => Number(name.slice(kind.length)))
  return {
    id: String(id),
    batch: fields.get('batch')!,
    timeout: Number(fields.get('timeout')),
    age: Number(age),
    cancelled: fields.has('cancelled'),
    started: indexes('started:'),
    done: indexes('done:')
  }
}

/** Claims batches for longer, and gives the ids of those that were cancelled. */
export async function renewBatches (
  redis: Redis, unfinished: string, batch: string, ids: readonly string[]
): Promise<string[]> {
  return await redis.eval(`
    ${now}
    local cancelled = {}
    for i = 3, #ARGV do
      redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[i])
      if redis.call('HEXISTS', ARGV[1] .. ARGV[i], 'cancelled') == 1 then table.insert(cancelled, ARGV[i]) end
    end
    return cancelled
  `, 1, unfinished, batch, lease, ...ids) as string[]
}

/** Lets others claim a batch. */
export async function releaseBatch (redis: Redis, unfinished: string, id: string): Promise<void> {
  await redis.zadd(unfinished, 'XX', 0, id)
}

/** What is known of a batch, as Redis gives it. */
export interface BatchLook {
  readonly route: string
  readonly owner: string
  /** Of its items, as JSON. */
  readonly ids: string
  readonly age: string
  readonly duration: string | null
  /** Of each item. A number is the status of one that has ended. */
  readonly states: readonly string[]
}

/** Gives what there is to see of a batch. `task` is how the keys of its tasks begin. */
export async function lookAtBatch (redis: Redis, batch: string, task: string): Promise<BatchLook | null> {
  const found = await redis.eval(`
    local known = redis.call('HMGET', KEYS[1], 'route', 'owner', 'ids', 'duration', 'created', 'size')
    if not known[1] then return false end
    ${now}
    local states = {}
    for index = 0, known[6] - 1 do
      local state = redis.call('HGET', KEYS[1], 'done:' .. index)
      if not state then state = redis.call('HEXISTS', ARGV[1] .. index, 'worker') == 1 and 'running' or 'waiting' end
      table.insert(states, state)
    end
    known[5] = tostring(now - known[5])
    known[6] = states
    return known
  `, 1, batch, task) as [string, string, string, string | null, string, string[]] | null
  if (found === null) return null
  const [route, owner, ids, duration, age, states] = found
  return { route, owner, ids, duration, age, states }
}

/** Puts a task where a worker can claim it, unless it was there before. */
export async function storeTaskOnce (
  redis: Redis, keys: { task: string, batch: string }, index: number, { message, left, starts }: NewTask
): Promise<'stored' | 'there' | 'gone'> {
  return await redis.eval(`
    if redis.call('HSETNX', KEYS[2], 'started:' .. ARGV[1], 1) == 0 then
      return redis.call('EXISTS', KEYS[1]) == 1 and 'there' or 'gone'
    end
    redis.call('HSET', KEYS[1], 'message', ARGV[2], 'starts', ARGV[3], 'kept', redis.call('PTTL', KEYS[2]))
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
    return 'stored'
  `, 2, keys.task, keys.batch, index, message, starts, left + grace) as 'stored' | 'there' | 'gone'
}

export interface RecordKeys {
  readonly batch: string
  readonly outcomes: string
  readonly task: string
}

/** Stores an outcome, unless there is one. The task is no longer needed. */
export async function recordOutcome (
  redis: Redis, keys: RecordKeys, { index, status, message }: { index: number, status: number, message: Buffer }
): Promise<void> {
  await redis.eval(`
    redis.call('DEL', KEYS[3])
    if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HSETNX', KEYS[1], 'done:' .. ARGV[1], ARGV[2]) == 0 then return end
    redis.call('RPUSH', KEYS[2], ARGV[3])
    redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1]))
    redis.call('PUBLISH', KEYS[1], '')
  `, 3, keys.batch, keys.outcomes, keys.task, index, status, message)
}

export interface FinishKeys {
  readonly batch: string
  readonly outcomes: string
  readonly unfinished: string
}

/** Ends a batch: what it was run from is forgotten, and the outcomes after its lifetime. */
export async function finishBatch (redis: Redis, keys: FinishKeys, id: string): Promise<void> {
  await redis.eval(`
    redis.call('ZREM', KEYS[3], ARGV[1])
    if redis.call('HDEL', KEYS[1], 'batch') == 0 then return end
    local known = redis.call('HMGET', KEYS[1], 'created', 'lifetime', 'repetition')
    ${now}
    redis.call('HSET', KEYS[1], 'duration', now - known[1])
    redis.call('PEXPIRE', KEYS[1], known[2])
    redis.call('PEXPIRE', KEYS[2], known[2])
    if known[3] ~= '' then redis.call('PEXPIRE', known[3], known[2]) end
    redis.call('PUBLISH', KEYS[1], '')
  `, 3, keys.batch, keys.outcomes, keys.unfinished, id)
}

/** Says that nothing further of a batch is to be started. */
export async function cancelBatch (redis: Redis, batch: string): Promise<void> {
  await redis.eval(`
    if redis.call('HEXISTS', KEYS[1], 'batch') == 0 then return end
    redis.call('HSET', KEYS[1], 'cancelled', 1)
    redis.call('PUBLISH', KEYS[1], '')
  `, 1, batch)
}
