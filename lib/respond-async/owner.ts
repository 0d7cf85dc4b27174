import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { readConnection } from '../parent.ts'

/**
 * Says who sent a request, or `undefined` for nobody: only the owner of a batch that outlives its connection can see
 * it, and nobody owns none.
 */
export type Owner = (request: FastifyRequest) => string | undefined | Promise<string | undefined>

/** Takes for the same who sends the same credentials: `authorization`, `cookie` and client certificate. */
export function ownerByCredentials ({ headers, raw: { socket } }: FastifyRequest): string | undefined {
  const { authorization, cookie } = headers
  const { authorized, peerCertificate } = readConnection(socket)
  const certificate = authorized === true ? peerCertificate?.fingerprint256 : undefined
  if (authorization === undefined && cookie === undefined && certificate === undefined) return undefined
  return JSON.stringify([authorization, cookie, certificate])
}

/** Gives what can be stored and compared in the place of texts: none of them can be read from it. */
export function digest (...texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('base64url')
}
