import { availableParallelism } from 'node:os'
import process from 'node:process'
import type { FastifyInstance } from 'fastify'
import type { Executor } from '../executor.ts'
import { isHosted, moduleUrl } from '../hosted-app.ts'
import { checkOptions, milliseconds, oneOf, positiveInteger, trueOrFalse, type Check } from '../option-checks.ts'
import { isChild } from './process-pool/child-marker.ts'
import { Pool, type PoolSettings } from './process-pool/pool.ts'

/** The options of `processPool()`. */
export interface ProcessPoolOptions {
  /**
   * The module of the app: a `file:` URL, or a path from the working directory. Its default export is a function that
   * gives a Fastify instance, or a promise of one. Every worker calls it once.
   */
  app: URL | string
  /** The export of that module to be called instead. Default `'default'`. */
  exportName?: string
  /** What it is called with: anything that structured clone can copy. Default nothing. */
  arguments?: readonly unknown[]
  /** How many processes: an integer from 1. Default the number of processors that this process may use. */
  workers?: number
  /**
   * How many subrequests one worker runs at once: an integer from 1. Default 1, which suits handlers that compute. More
   * than that suits those that also wait.
   */
  concurrency?: number
  /** How a worker hands a subrequest to its app. Default `'inject'`. */
  dispatch?: 'inject' | 'direct'
  /** Whether workers start with the first batch, instead of before the app is ready. Default false. */
  lazy?: boolean
  /** All environment variables of the workers. Default those of this process. */
  env?: Readonly<Record<string, string | undefined>>
  /** The options of `node` for the workers. Default those of this process, without `--inspect`. */
  execArgv?: readonly string[]
  /**
   * A worker whose resident memory is larger than this after an answer, in bytes, finishes what it runs, and is
   * replaced. Default: there is no limit.
   */
  maxMemory?: number
  /**
   * How long an app may take to be ready, in milliseconds. Default 30 000. Unless `lazy`, the `pluginTimeout` of the
   * parent ends it as well, which is 10 000 by default.
   */
  bootTimeout?: number
  /**
   * How long a worker may take to react, when it is told to abort a subrequest or to close, in milliseconds. Then it is
   * killed. Default 5000.
   */
  gracePeriod?: number
}

const checks: Readonly<Record<keyof ProcessPoolOptions, Check>> = {
  app: ['the URL or path of a module', value => value instanceof URL || (typeof value === 'string' && value !== '')],
  exportName: ['a string', value => typeof value === 'string'],
  arguments: ['an array that can be cloned', isClonableArray],
  workers: positiveInteger,
  concurrency: positiveInteger,
  dispatch: oneOf('inject', 'direct'),
  lazy: trueOrFalse,
  env: ['an object', value => typeof value === 'object' && value !== null],
  execArgv: ['an array of strings', value => Array.isArray(value) && value.every(argument => typeof argument === 'string')],
  maxMemory: positiveInteger,
  bootTimeout: milliseconds,
  gracePeriod: milliseconds
}

/**
 * Runs subrequests in child processes, each of which boots the app once: for handlers that compute.
 * @throws InvalidOptionError
 */
export function processPool (options: ProcessPoolOptions): Executor {
  const settings = resolveSettings(options)
  const { workers, concurrency, lazy } = settings
  let pool: Pool | undefined
  let started: Promise<void> | undefined

  return Object.freeze({
    name: 'processPool',
    perBatch: workers * concurrency,
    total: workers * concurrency,

    start (app: FastifyInstance): void | Promise<void> {
      // The app of a worker may itself have a batch route with a pool.
      if (isChild() || isHosted(app)) return
      const { log, initialConfig } = app
      if (lazy) {
        pool ??= new Pool(settings, log)
      } else {
        const { pluginTimeout } = initialConfig as { pluginTimeout: number }
        pool ??= new Pool({ ...settings, bootTimeout: shorter(settings.bootTimeout, pluginTimeout) }, log)
        return (started ??= pool.start())
      }
    },

    async execute (subrequest, context) {
      return pool!.execute(subrequest, context)
    },

    async close () {
      await pool?.close()
    }
  } satisfies Executor)
}

/** Fastify ends a hook after its `pluginTimeout`, unless that is 0, and says less about it than we can. */
function shorter (bootTimeout: number, pluginTimeout: number): number {
  return pluginTimeout === 0 ? bootTimeout : Math.min(bootTimeout, Math.max(pluginTimeout - 250, 1))
}

function resolveSettings (options: ProcessPoolOptions): PoolSettings {
  checkOptions(options, checks)
  return {
    app: moduleUrl(options.app),
    exportName: options.exportName ?? 'default',
    arguments: options.arguments ?? [],
    workers: options.workers ?? availableParallelism(),
    concurrency: options.concurrency ?? 1,
    dispatch: options.dispatch ?? 'inject',
    lazy: options.lazy ?? false,
    env: options.env ?? process.env,
    execArgv: options.execArgv ?? process.execArgv.filter(argument => !argument.startsWith('--inspect')),
    maxMemory: options.maxMemory ?? Infinity,
    bootTimeout: options.bootTimeout ?? 30_000,
    gracePeriod: options.gracePeriod ?? 5000
  }
}

function isClonableArray (value: unknown): boolean {
  if (!Array.isArray(value)) return false
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
