import type { Redis } from 'ioredis'

/** Is told what is said on a channel. */
export type Listener = (message: string) => void

/**
 * Hears what is said on channels, and again whenever its connection is back. What is said meanwhile is not heard.
 * ioredis would subscribe again too, but nobody catches its rejection when the connection is closed at that moment, and
 * that is the end of the process.
 */
export class Subscriber {
  readonly #redis: Redis
  readonly #listeners = new Map<string, Set<Listener>>()

  constructor (redis: Redis) {
    this.#redis = redis
    redis.on('ready', () => {
      for (const channel of this.#listeners.keys()) redis.subscribe(channel).catch(() => {})
    })
    redis.on('message', (channel: string, message: string) => {
      this.#listeners.get(channel)?.forEach(listener => { listener(message) })
    })
  }

  /** Hears what is said on a channel, until what it gives is called. */
  async listen (channel: string, listener: Listener): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    const stop = () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      this.#listeners.delete(channel)
      this.#redis.unsubscribe(channel).catch(() => {})
    }
    try {
      await this.#redis.subscribe(channel)
      return stop
    } catch (error) {
      stop()
      throw error
    }
  }
}
