import { performance } from 'node:perf_hooks'
import type { Running, RunningItem } from './running.ts'

/** The deadlines of a batch, and what happens at them. */
export interface DeadlinesSettings {
  readonly running: Running
  /** How long a subrequest may take, in milliseconds. */
  readonly subrequestTimeout: number
  /** When the batch is out of time, by `performance.now()`, as all times here. */
  readonly deadline: number
  onSubrequestTimeout (item: RunningItem): void
  onBatchTimeout (): void
}

/**
 * Watches over the deadlines of a batch with one timer for all.
 * @returns what to call when the batch has ended
 */
export function watchDeadlines (settings: DeadlinesSettings): () => void {
  const { running, subrequestTimeout, deadline } = settings
  let ended = false
  let timer: NodeJS.Timeout
  waitUntil(performance.now() + subrequestTimeout)

  return () => {
    ended = true
    clearTimeout(timer)
  }

  function waitUntil (time: number): void {
    timer = setTimeout(onTimer, Math.min(time, deadline) - performance.now())
  }

  function onTimer (): void {
    const now = performance.now()
    if (now >= deadline) return settings.onBatchTimeout()
    let next = now + subrequestTimeout
    for (const item of running.items()) {
      const end = item.started + subrequestTimeout
      if (end <= now) settings.onSubrequestTimeout(item)
      else next = Math.min(next, end)
    }
    if (!ended) waitUntil(next)
  }
}
