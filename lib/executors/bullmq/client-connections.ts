import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Redis } from 'ioredis'
import { QueueUnavailableError } from '../../errors.ts'
import { within } from '../../within.ts'
import { closeConnection, logOutages, openConnection, type QueueConnection } from './connection.ts'
import { Subscriber, type Listener } from './subscriber.ts'

/** How an API process reaches Redis. */
export interface ClientConnectionsSettings {
  readonly connection: QueueConnection
  /** How long Redis may take to answer who waits, in milliseconds. */
  readonly enqueueTimeout: number
}

// Milliseconds before a command that failed is sent again.
const retryPause = 100

/** The two connections of an API process: one for commands, one to be told of what happens. */
export class ClientConnections {
  readonly redis: Redis
  readonly #subscriber: Redis
  readonly #enqueueTimeout: number
  readonly #closing = new AbortController()
  readonly #channels: Subscriber

  constructor ({ connection, enqueueTimeout }: ClientConnectionsSettings, log: FastifyBaseLogger) {
    // What fails, fails at once: nothing may be sent later that was answered meanwhile.
    const options = { enableOfflineQueue: false, autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }
    this.redis = openConnection(connection, this.#closing.signal, options)
    this.#subscriber = openConnection(connection, this.#closing.signal, {})
    this.#enqueueTimeout = enqueueTimeout
    for (const redis of [this.redis, this.#subscriber]) logOutages(redis, log)
    this.#channels = new Subscriber(this.#subscriber)
  }

  /**
   * Connects, and hears what is said on a channel.
   * @throws QueueUnavailableError
   */
  async open (channel: string, listener: Listener): Promise<void> {
    try {
      await Promise.all([this.redis.connect(), this.#subscriber.connect()])
      await this.listen(channel, listener)
    } catch (error) {
      this.close()
      throw unavailable(error as Error)
    }
  }

  /** Hears what is said on a channel, until what it gives is called. What is said while Redis is away is not heard. */
  listen (channel: string, listener: Listener): Promise<() => void> {
    return this.#channels.listen(channel, listener)
  }

  /**
   * Sends a command to which Redis has to reply soon.
   * @throws QueueUnavailableError if it does not, or replies with an error
   */
  async attempt<Result> (send: () => Promise<Result>): Promise<Result> {
    try {
      return await within(this.#enqueueTimeout, send())
    } catch (error) {
      throw unavailable(error as Error)
    }
  }

  /** Sends a command until it succeeds, while it is wanted. Gives `undefined` if it is not any more. */
  async insist<Result> (
    send: () => Promise<Result>, { milliseconds = Infinity, wanted = () => true }: Patience = {}
  ): Promise<Result | undefined> {
    const end = performance.now() + milliseconds
    while (wanted() && !this.#closing.signal.aborted && performance.now() < end) {
      try {
        // However long it takes: one that was sent twice would not know what the first one did.
        return await send()
      } catch {
        await delay(retryPause, undefined, { ref: false })
      }
    }
  }

  /** Connections that are lost from now on do not come back. */
  stop (): void {
    this.#closing.abort()
  }

  close (): void {
    this.stop()
    for (const redis of [this.redis, this.#subscriber]) closeConnection(redis)
  }
}

/** How long something is tried. */
interface Patience {
  readonly milliseconds?: number
  readonly wanted?: () => boolean
}

/** Not the error itself, which has the arguments of a command. */
function unavailable ({ message }: Error): Error {
  return new QueueUnavailableError({ cause: new Error(message) })
}
