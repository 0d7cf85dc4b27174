// What the tests of the queue have in common.
import t, { type Test } from 'tap'
import { findRedis, startRedis, type RedisAddress } from '../../fixtures/redis.ts'

/** Where the program of a Redis server is. */
export const redis = findRedis()

/** To be given to tests that need one. */
export const skip = redis === undefined && 'SKIPPED: there is no redis-server on PATH'

/** Starts a Redis server for a whole file, which is skipped where there is none. */
export async function startOnly (): Promise<{ t: Test, connection?: RedisAddress }> {
  if (redis !== undefined) return { t, connection: await startRedis(t, redis) }
  t.test('a queue', { skip }, async () => {})
  return { t }
}
