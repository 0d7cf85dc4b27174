import { types } from 'node:util'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import type { BatchContext } from '../subrequest.ts'

/** A logger of pino: what it does not inherit is in plain properties. */
interface PinoLogger extends FastifyBaseLogger {
  setBindings (bindings: object): void
}

// Every pino has this property, and its name is the same in all copies of pino.
const kSerializers = Symbol.for('pino.serializers')

/** Has every further line of a subrequest name its batch, and its place there. */
export function bindLog (request: FastifyRequest, reply: FastifyReply, batch: BatchContext): void {
  const { log } = request
  request.log = reply.log = isPino(log) ? bind(log, { batch }) : log.child({ batch })
}

function isPino (log: FastifyBaseLogger): log is PinoLogger {
  return kSerializers in log && !types.isProxy(log)
}

/**
 * Does what `log.child(bindings)` does. That would cost as much as all else of a subrequest: the child inherits from a
 * logger that was made for one request, and V8 prepares at length every object that others inherit from. The given
 * logger is left as it is: it may be that of other requests as well.
 */
function bind (log: PinoLogger, bindings: object): PinoLogger {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(log)), log) as PinoLogger
  copy.setBindings(bindings)
  return copy
}
