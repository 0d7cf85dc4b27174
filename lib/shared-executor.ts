import fastq from 'fastq'
import type { Executor } from './executor.ts'

/** To be called when the subrequest that had the turn has ended. */
export type Release = () => void

/** Calls `grant` as soon as one more subrequest may start: first come, first served, at once if there is room. */
export type TakeTurn = (grant: (release: Release) => void) => void

/** An executor as the batch routes that use it see it. */
export interface SharedExecutor {
  readonly executor: Executor
  /** Keeps the executor's `total`. `undefined` where there is no limit. */
  readonly takeTurn: TakeTurn | undefined
  /** Closes the executor, if this was the last route that uses it. */
  release (): Promise<void>
}

const shared = new WeakMap<Executor, { users: number, readonly takeTurn: TakeTurn | undefined }>()

/** Takes part in the use of an executor: all who do, share its `total`. */
export function shareExecutor (executor: Executor): SharedExecutor {
  const share = shared.get(executor) ?? { users: 0, takeTurn: turns(executor.total) }
  shared.set(executor, share)
  share.users++

  return {
    executor,
    takeTurn: share.takeTurn,
    async release () {
      share.users--
      if (share.users === 0) await executor.close?.()
    }
  }
}

function turns (total: number): TakeTurn | undefined {
  if (total === Infinity) return undefined
  const queue = fastq((grant: (release: Release) => void, done: fastq.done) => { grant(() => { done(null) }) }, total)
  return grant => { queue.push(grant) }
}
