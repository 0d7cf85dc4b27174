import { performance } from 'node:perf_hooks'

/** One subrequest on its way, as deadlines see it. */
export interface Started {
  /** By `performance.now()`, as all times here. */
  readonly started: number
}

/** The deadlines of a batch, and what happens at them. */
export interface DeadlinesSettings<Running extends Started> {
  /** What runs, in the order in which it started. */
  readonly running: ReadonlySet<Running>
  /** How long a subrequest may take, in milliseconds. */
  readonly subrequestTimeout: number
  /** When the batch is out of time. */
  readonly deadline: number
  onSubrequestTimeout (running: Running): void
  onBatchTimeout (): void
}

/**
 * Watches over the deadlines of a batch with one timer for all: what starts first is also out of time first.
 * @returns what to call when the batch has ended
 */
export function watchDeadlines<Running extends Started> (settings: DeadlinesSettings<Running>): () => void {
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
    for (const item of running) {
      const end = item.started + subrequestTimeout
      if (end > now) {
        next = end
        break
      }
      settings.onSubrequestTimeout(item)
    }
    if (!ended) waitUntil(next)
  }
}
