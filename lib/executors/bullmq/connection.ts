import type { FastifyBaseLogger } from 'fastify'
import { Redis, type RedisOptions } from 'ioredis'

/** Options of ioredis, or a client of it, whose options are taken. Connections of our own are made. */
export type QueueConnection = RedisOptions | Redis

// Milliseconds before another attempt to connect.
const firstPause = 50
const longestPause = 1000

/**
 * Makes a connection that comes back whenever Redis does, until `closing` aborts. So do those that are made from it.
 * It begins with `connect()`.
 */
export function openConnection (connection: QueueConnection, closing: AbortSignal, options: RedisOptions): Redis {
  const own: RedisOptions = {
    lazyConnect: true,
    // See `Subscriber`.
    autoResubscribe: false,
    retryStrategy: attempts => closing.aborted ? null : Math.min(attempts * firstPause, longestPause),
    ...options
  }
  return 'duplicate' in connection ? connection.duplicate(own) : new Redis({ ...connection, ...own })
}

/**
 * Closes a connection, and rejects what waits for it. Between two attempts to connect, ioredis (6.0.0) would reject
 * nothing, and say nothing: it is closed as the next one begins.
 */
export function closeConnection (redis: Redis): void {
  if (redis.status === 'reconnecting') redis.once('connecting', () => { redis.disconnect() })
  else redis.disconnect()
}

/**
 * Logs when a connection is lost and when it is back.
 * Only texts: what else errors of ioredis have are the arguments of the command, and among those are credentials.
 */
export function logOutages (redis: Redis, log: FastifyBaseLogger): void {
  let lost = false
  redis.on('error', ({ message }: Error) => {
    if (!lost) log.error(`the connection to the queue was lost: ${message}`)
    lost = true
  })
  redis.on('ready', () => {
    if (lost) log.info('the connection to the queue is back')
    lost = false
  })
}
