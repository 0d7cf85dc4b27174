import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RouteNotAllowedError } from '../errors.ts'
import { isMarked, MarkerVerifier } from '../marker.ts'
import type { BatchContext } from '../subrequest.ts'
import { errorBody } from '../subresponse.ts'
import { Exchange } from './exchange.ts'
import { enterFromSocket, markReachedHooks, subrequestOf } from './identity.ts'
import { bindLog } from './log.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** On a subrequest: which item of which batch it is. `null` on every other request. Clients cannot set it. */
    readonly batch: BatchContext | null
  }

  interface FastifyContextConfig {
    /** `false` takes the route out of batching: as an item it is answered 403. */
    batch?: boolean
  }
}

/** Says whether a matched route may be batched. */
export type Allow = (routeOptions: FastifyRequest['routeOptions']) => boolean

/** What batch routes have told the guard of their app. */
export interface Guard {
  /** What batch routes allow, by their names. Those that are not there allow what `allowByConfig` allows. */
  readonly allowed: Map<string, Allow>
  /** Knows the secrets that executors elsewhere sign with. */
  readonly markers: MarkerVerifier
}

const guarded = new WeakMap<FastifyInstance, Guard>()
const kBatch = Symbol('fastify-batch-requests.batch')

interface FromSocket { [kBatch]?: BatchContext }

/**
 * Guards every route of an app, whoever registered it, before or after this call. The guard lives on the root instance,
 * once: hooks of an encapsulated child do not reach the routes of the app.
 */
export function guardApp (root: FastifyInstance): Guard {
  return guarded.get(root) ?? install(root)
}

function install (root: FastifyInstance): Guard {
  const guard = { allowed: new Map<string, Allow>(), markers: new MarkerVerifier() }
  guarded.set(root, guard)

  root.decorateRequest('batch', {
    getter () { return subrequestOf(this.raw)?.batch ?? (this.raw as FromSocket)[kBatch] ?? null }
  })
  root.addHook('onRequest', function guardSubrequest (request, reply, done) {
    const exchange = Exchange.of(request.raw)
    exchange?.adopt(request.raw, reply.raw)

    const subrequest = subrequestOf(request.raw)
    if (subrequest === undefined) return isMarked(request.raw) ? guardFromSocket(request, reply, done) : done()
    // Nobody waits for the answer any more: it goes no further.
    if (request.raw.aborted) return

    markReachedHooks(request.raw)
    bindLog(request, reply, subrequest.batch)
    letPass(request, reply, guard.allowed.get(subrequest.route) ?? allowByConfig, done)
  })
  return guard

  /** A subrequest of a batch that came to another server. */
  function guardFromSocket (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { method, originalUrl: url, raw: { headers } } = request
    const batch = guard.markers.verify({ method, url, headers })
    if (batch !== undefined) {
      (request.raw as FromSocket)[kBatch] = batch
      bindLog(request, reply, batch)
    }
    letPass(request, reply, allowByConfig, () => { enterFromSocket(done) })
  }
}

function letPass (request: FastifyRequest, reply: FastifyReply, allow: Allow, done: () => void): void {
  // The route that was matched, not the url that was sent: there are many ways to write a url.
  const { routeOptions } = request
  if (request.is404 || allow(routeOptions)) done()
  else refuse(reply, new RouteNotAllowedError(request.method, routeOptions.url!))
}

/** The default of the option `allow`. */
export const allowByConfig: Allow = ({ config }) => config.batch !== false

/** Answers with an error as Fastify does by default, whatever error handler the app has. */
export function refuse (reply: FastifyReply, error: FastifyError): void {
  reply.code(error.statusCode!).type('application/json; charset=utf-8').send(errorBody(error))
}
