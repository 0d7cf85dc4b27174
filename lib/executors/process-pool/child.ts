// What runs in a worker of a process pool. Each export is called by its name, with what `worker.ts` sends.
import process from 'node:process'
import { inspect } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { Execution } from '../../execution.ts'
import { createApp, hostApp, type AppSource, type HostedApp } from '../../hosted-app.ts'
import type { Subrequest } from '../../subrequest.ts'
import type { Subresponse } from '../../subresponse.ts'
import { markChild } from './child-marker.ts'
import { watchForParent } from './orphan-watch.ts'

/** How a worker boots. */
export interface Boot extends AppSource {
  readonly dispatch: 'inject' | 'direct'
  /** Milliseconds. */
  readonly gracePeriod: number
}

/** One subrequest to be answered. */
export interface Task {
  /** Counts up from 1. */
  readonly id: number
  readonly subrequest: Subrequest
  readonly maxResponseBytes: number
}

export interface Result {
  /** `undefined` if it was aborted. */
  readonly subresponse: Subresponse | undefined
  /** The resident memory of this process, in bytes. */
  readonly memory: number
}

/** Says that the answer to a task is no longer waited for. It can overtake the task. */
export interface AbortMessage { readonly abort: number }

const executions = new Map<number, Execution>()
const abortedEarly = new Set<number>()
let latest = 0
let app: FastifyInstance | undefined
let host: HostedApp

markChild()
process.on('message', ({ abort }: Partial<AbortMessage>) => {
  if (abort === undefined) return
  if (abort > latest) abortedEarly.add(abort)
  else executions.get(abort)?.abort(new Error('aborted'))
})
// Signals to the whole group, as Ctrl-C sends them, are for the parent: it says when to close.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

/** Makes the app and gets it ready. */
export async function boot (settings: Boot): Promise<void> {
  // Without a parent, nobody else would end this process.
  process.once('disconnect', close)
  watchForParent(settings.gracePeriod)
  try {
    app = await createApp(settings)
    host = await hostApp(app, settings.dispatch)
  } catch (error) {
    throw portable(error)
  }
}

/** Answers one subrequest. */
export async function execute ({ id, subrequest, maxResponseBytes }: Task): Promise<Result> {
  latest = id
  const subresponse = abortedEarly.delete(id) ? undefined : await run(id, subrequest, maxResponseBytes)
  return { subresponse, memory: process.memoryUsage.rss() }
}

async function run (id: number, subrequest: Subrequest, maxResponseBytes: number): Promise<Subresponse | undefined> {
  const execution = new Execution(app!, maxResponseBytes)
  executions.set(id, execution)
  try {
    return await host.run(subrequest, execution)
  } finally {
    executions.delete(id)
  }
}

/** Closes the app, if it came as far as that, and ends this process: that is the answer. */
export async function close (): Promise<void> {
  try {
    await app?.close()
  } catch (error) {
    app!.log.error(error)
  }
  process.exit()
}

/** What an error has beside its texts may be what cannot be sent, and that would be the end of this process. */
function portable (error: unknown): Error {
  if (!(error instanceof Error)) return new Error(inspect(error))
  const { name, message, stack } = error
  return Object.defineProperties(new Error(message), { name: { value: name }, stack: { value: stack } })
}
