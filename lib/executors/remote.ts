import { BalancedPool, type buildConnector } from 'undici'
import { TunnelError } from '../errors.ts'
import type { ExecutionContext, Executor } from '../executor.ts'
import {
  checkOptions, invalidOption, isInteger, longSecret, milliseconds, oneOf, positiveInteger, trueOrFalse, type Check
} from '../option-checks.ts'
import type { Subrequest } from '../subrequest.ts'
import { failedSubresponse } from '../subresponse.ts'
import { forwardedNames, type Forwarded } from './remote/forwarded.ts'
import { buildRequest } from './remote/request.ts'
import { send } from './remote/send.ts'

/** The options of `remote()`. */
export interface RemoteOptions {
  /**
   * Where the app runs: the origin of a load balancer or service, such as `http://app.internal:3000`, or several
   * origins, among which undici balances.
   */
  upstream: string | URL | ReadonlyArray<string | URL>
  /** How many connections to each origin may be open: an integer from 1. Default 32. */
  connections?: number
  /**
   * How many subrequests run at once, over all batches: an integer from 1. Default as many as there may be connections;
   * with `http2`, a hundred for each.
   */
  limit?: number
  /** Whether HTTP/2 is spoken with upstreams that offer it, over TLS. Default false. */
  http2?: boolean
  /**
   * What undici's connector takes: `ca`, `cert`, `key`, `servername`, `socketPath`, `timeout` in milliseconds (default
   * 10 000) … Default nothing.
   */
  connect?: buildConnector.BuildOptions
  /**
   * How long a connection is kept without a request, in milliseconds, unless the upstream says how long it keeps it. It
   * should be shorter than what upstreams, or the proxies in front of them, have. Default 4000.
   */
  keepAliveTimeout?: number
  /**
   * How upstreams are told who is calling: `'x-forwarded'` with `x-forwarded-for`, `x-forwarded-host` and
   * `x-forwarded-proto`, `'rfc7239'` with `forwarded`. Default `'x-forwarded'`.
   */
  forwarded?: Forwarded
  /**
   * How often a subrequest is tried again of which nothing was sent, if its method is idempotent (RFC 9110 section
   * 9.2.2): an integer from 0. Default 2.
   */
  retries?: number
  /**
   * The option `secret` of the plugin at the upstreams, so that handlers there find their `request.batch`: a string of
   * at least 32 characters. Default none.
   */
  secret?: string
}

// How many requests share a connection of HTTP/2.
const maxStreams = 100

const origins: Check = ['the origin of a server, or an array of such', value => {
  const given = [value].flat()
  return given.length > 0 && given.every(isOrigin)
}]

const checks: Readonly<Record<keyof RemoteOptions, Check>> = {
  upstream: origins,
  connections: positiveInteger,
  limit: positiveInteger,
  http2: trueOrFalse,
  connect: ['an object', value => typeof value === 'object' && value !== null],
  keepAliveTimeout: milliseconds,
  forwarded: oneOf('x-forwarded', 'rfc7239'),
  retries: ['an integer from 0', value => isInteger(value, 0, Infinity)],
  secret: longSecret
}

/**
 * Runs subrequests at other servers, as HTTP requests to a load balancer or to several origins.
 * @throws InvalidOptionError
 */
export function remote (options: RemoteOptions): Executor {
  checkOptions(options, checks)
  if (options.upstream === undefined) throw invalidOption('upstream', origins[0], undefined)
  const { connections = 32, http2 = false, keepAliveTimeout, connect, retries = 2 } = options
  const given = [options.upstream].flat() as Array<string | URL>
  const upstreams = [...new Set(given.map(upstream => new URL(upstream).origin))]
  const limit = options.limit ?? connections * upstreams.length * (http2 ? maxStreams : 1)
  const pool = new BalancedPool(upstreams, {
    connections,
    allowH2: http2,
    // Over HTTP/1.1, what is sent to a connection waits for the answer before it.
    pipelining: http2 ? maxStreams : 1,
    keepAliveTimeout,
    connect,
    // Deadlines are kept outside.
    headersTimeout: 0,
    bodyTimeout: 0
  })
  const settings = { forwarded: options.forwarded ?? 'x-forwarded', secret: options.secret, http2 }

  return Object.freeze({
    name: 'remote',
    perBatch: limit,
    total: limit,
    protectedHeaders: forwardedNames,

    async execute (subrequest: Subrequest, context: ExecutionContext) {
      // Its answer would be a connection.
      if (subrequest.method === 'CONNECT') return failedSubresponse(new TunnelError(), 'not_started')
      return send(pool, () => buildRequest(subrequest, settings), { subrequest, context, retries, http2 })
    },

    async close () {
      // All is answered: what is still under way is what nobody waits for.
      await pool.destroy()
    }
  } satisfies Executor)
}

function isOrigin (value: unknown): boolean {
  if ((typeof value !== 'string' && !(value instanceof URL)) || !URL.canParse(String(value))) return false
  const { protocol, origin, href } = new URL(value)
  return /^https?:$/.test(protocol) && href === `${origin}/`
}
