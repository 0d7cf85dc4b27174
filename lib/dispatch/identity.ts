import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { Subrequest } from '../subrequest.ts'

const kSubrequest = Symbol('fastify-batch-requests.subrequest')
const kReachedHooks = Symbol('fastify-batch-requests.reached-hooks')

interface MaybeSubrequest { [kSubrequest]?: Subrequest, [kReachedHooks]?: true }

/** One way of a subrequest through the app. */
export interface Passage {
  /** Whether it is under way, and cannot be told apart from other code. Kept by `enter` and `leave`. */
  untracked: boolean
}

const running = new AsyncLocalStorage<true>()
const resourceOptions = { requireManualDestroy: true }
let untracked = 0
let tracking = false

/** Says that a raw request is the one that was dispatched for a subrequest. */
export function identify (raw: object, subrequest: Subrequest): void {
  (raw as MaybeSubrequest)[kSubrequest] = subrequest
}

/** Gives the subrequest that a raw request was dispatched for, or `undefined` for every other request. */
export function subrequestOf (raw: object): Subrequest | undefined {
  return (raw as MaybeSubrequest)[kSubrequest]
}

/** Says that a raw request has come as far as the hooks of the app. */
export function markReachedHooks (raw: object): void {
  (raw as MaybeSubrequest)[kReachedHooks] = true
}

/** Whether a raw request came as far as the hooks of the app. */
export function hasReachedHooks (raw: object): boolean {
  return kReachedHooks in raw
}

/**
 * Calls `dispatch` with a passage in an asynchronous context of its own, as a request from a socket has one: what a
 * subrequest enters into an AsyncLocalStorage reaches neither its siblings nor the batch. To be followed by `leave`.
 */
export function enter<Kind extends Passage> (passage: Kind, dispatch: (passage: Kind) => void): void {
  new AsyncResource('Subrequest', resourceOptions).runInAsyncScope(enterScope, undefined, passage, dispatch as never)
}

function enterScope (passage: Passage, dispatch: (passage: Passage) => void): void {
  if (tracking) {
    running.enterWith(true)
  } else {
    passage.untracked = true
    untracked++
  }
  dispatch(passage)
}

/**
 * Calls `proceed` in a context of its own, for a subrequest that came over a socket. It is tracked in any case: if it
 * were not, all code would look like its own, for as long as a client likes.
 */
export function enterFromSocket (proceed: () => void): void {
  new AsyncResource('Subrequest', resourceOptions).runInAsyncScope(() => {
    running.enterWith(true)
    proceed()
  })
}

/** Says that a subrequest was answered, or that nobody waits for its answer any more. */
export function leave (passage: Passage): void {
  if (!passage.untracked) return
  passage.untracked = false
  untracked--
}

/**
 * Whether the code that calls this was called, however indirectly, by a handler or hook of a subrequest.
 *
 * To know it, a store must follow every promise, which until Node 22 slows every request of the process down. That
 * begins with the first call. The subrequests that run at that moment cannot be told apart from other code, so until
 * they have ended the answer is yes.
 */
export function isInsideSubrequest (): boolean {
  tracking = true
  return running.getStore() !== undefined || untracked > 0
}
