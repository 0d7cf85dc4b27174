import type { FastifyReply } from 'fastify'

/**
 * Says that an answer is not to be stored, and which headers of its request it depends on (RFC 9110 section 12.5.5).
 * Hooks before may have said more.
 */
export function sayHowToCache (reply: FastifyReply, variants: string): void {
  reply.header('cache-control', 'no-store')
  const before = reply.getHeader('vary')
  reply.header('vary', before === undefined ? variants : [before, variants].flat().join(', '))
}
