import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RouteNotAllowedError } from '../errors.ts'
import type { BatchContext } from '../subrequest.ts'
import { errorBody } from '../subresponse.ts'
import { Exchange } from './exchange.ts'
import { markReachedHooks, subrequestOf } from './identity.ts'

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

const guarded = new WeakMap<FastifyInstance, Map<string, Allow>>()

/**
 * Guards every route of an app, whoever registered it, before or after this call. The guard lives on the root instance,
 * once: hooks of an encapsulated child do not reach the routes of the app.
 * @returns what batch routes allow, by their names. Those that are not there allow what `allowByConfig` allows.
 */
export function guardApp (root: FastifyInstance): Map<string, Allow> {
  return guarded.get(root) ?? install(root)
}

function install (root: FastifyInstance): Map<string, Allow> {
  const allowed = new Map<string, Allow>()
  guarded.set(root, allowed)

  root.decorateRequest('batch', {
    getter () { return subrequestOf(this.raw)?.batch ?? null }
  })
  root.addHook('onRequest', function guardSubrequest (request, reply, done) {
    const exchange = Exchange.of(request.raw)
    exchange?.adopt(request.raw, reply.raw)

    const subrequest = subrequestOf(request.raw)
    if (subrequest === undefined) return done()
    // Nobody waits for the answer any more: it goes no further.
    if (request.raw.aborted) return

    markReachedHooks(request.raw)
    request.log = reply.log = request.log.child({ batch: subrequest.batch })

    // The route that was matched, not the url that was sent: there are many ways to write a url.
    const { routeOptions } = request
    if (request.is404 || (allowed.get(subrequest.route) ?? allowByConfig)(routeOptions)) return done()
    refuse(reply, new RouteNotAllowedError(request.method, routeOptions.url!))
  })
  return allowed
}

/** The default of the option `allow`. */
export const allowByConfig: Allow = ({ config }) => config.batch !== false

/** Answers with an error as Fastify does by default, whatever error handler the app has. */
export function refuse (reply: FastifyReply, error: FastifyError): void {
  reply.code(error.statusCode!).type('application/json; charset=utf-8').send(errorBody(error))
}
