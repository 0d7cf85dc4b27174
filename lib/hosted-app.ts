import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { direct } from './dispatch/direct.ts'
import { guardApp } from './dispatch/guard.ts'
import { inject } from './dispatch/inject.ts'
import type { Execution } from './execution.ts'
import type { Subrequest } from './subrequest.ts'
import type { Subresponse } from './subresponse.ts'

/** Makes an app. */
export type AppFactory = (...values: never[]) => FastifyInstance | Promise<FastifyInstance>

/** How a process that runs subrequests for others gets its app. */
export interface AppSource {
  /** The URL of the module of the app, or the factory itself. */
  readonly app: string | AppFactory
  readonly exportName: string
  /** What the factory is called with. */
  readonly arguments: readonly unknown[]
}

/** An app that runs subrequests for other processes. */
export interface HostedApp {
  readonly app: FastifyInstance
  /** Answers one subrequest, with `undefined` if it was aborted. */
  run (subrequest: Subrequest, execution: Execution): Promise<Subresponse | undefined>
}

const hosted = new WeakSet<FastifyInstance>()

/**
 * Whether an app is there to run subrequests for other processes. Its own batch routes are not called: what is an item
 * may not be a batch.
 */
export function isHosted (root: FastifyInstance): boolean {
  return hosted.has(root)
}

/** Gives the URL of a module from a URL or a path from the working directory. */
export function moduleUrl (app: URL | string): string {
  if (app instanceof URL || app.startsWith('file:')) return String(app)
  return pathToFileURL(resolve(app)).href
}

/** Makes an app by its factory. It is not ready yet. */
export async function createApp ({ app, exportName, arguments: values }: AppSource): Promise<FastifyInstance> {
  const create = typeof app === 'function' ? app : await importFactory(app, exportName)
  const created = await create(...values as never[])
  if (typeof created?.routing === 'function') return created
  throw new TypeError(`${typeof app === 'function' ? 'the factory' : `"${exportName}" of ${app}`} gave no Fastify instance`)
}

async function importFactory (url: string, exportName: string): Promise<AppFactory> {
  const module = await import(url)
  const create = module[exportName] ?? module.default?.[exportName]
  if (typeof create !== 'function') throw new TypeError(`${url} has no function "${exportName}"`)
  return create
}

/** Guards an app and gets it ready to run subrequests. */
export async function hostApp (app: FastifyInstance, dispatch: 'inject' | 'direct'): Promise<HostedApp> {
  hosted.add(app)
  guardApp(app)
  await app.ready()
  const answer = dispatch === 'direct' ? direct : inject

  return {
    app,
    run (subrequest, execution) {
      // Whatever the app does with an abort, the caller has heard of it.
      const aborted = new Promise<undefined>(resolve => { execution.onAbort(() => { resolve(undefined) }) })
      const batch = Object.freeze(subrequest.batch)
      return Promise.race([answer({ ...subrequest, batch }, execution), aborted])
    }
  }
}
