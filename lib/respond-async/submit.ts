import type { FastifyReply, FastifyRequest } from 'fastify'
import { IdempotencyKeyReusedError, StorageFullError } from '../errors.ts'
import type { Parent } from '../parent.ts'
import type { BatchStorage, Repetition } from '../storage.ts'
import type { BatchBody } from '../wire/schema.ts'
import type { ResolvedRespondAsync } from './options.ts'
import { digest } from './owner.ts'
import { prefersAsync } from './prefer.ts'
import { sendProgress } from './resource.ts'

export interface SubmitSettings {
  readonly storage: BatchStorage
  readonly route: string
  readonly options: ResolvedRespondAsync
  /** Called when there is something to be run. */
  readonly onSubmit: () => void
}

/** Stores a batch, and answers with where it will be, if that is what the client prefers. Gives whether it did. */
export type Submit = (request: FastifyRequest, reply: FastifyReply, body: BatchBody, parent: Parent) => Promise<boolean>

export function createSubmit ({ storage, route, options, onSubmit }: SubmitSettings): Submit {
  const { batchTimeout, lifetime, maxBatches } = options

  return async function submit (request, reply, body, parent) {
    if (!prefersAsync(request.headers)) return false
    const name = await options.owner(request)
    if (name === undefined) return false

    const owner = digest(name)
    const timeout = Math.min(batchTimeout, body.timeout_ms ?? Infinity)
    const repetition = readRepetition(request, body, [route, owner])
    const created = await storage.create({ route, owner, body, parent, timeout, lifetime, maxBatches, repetition })
    if (created === 'reused') throw new IdempotencyKeyReusedError()
    if (created === 'full') {
      reply.header('retry-after', 1)
      throw new StorageFullError(maxBatches)
    }
    onSubmit()
    const path = request.url.replace(/\/?(?:\?.*)?$/, '')
    reply.headers({ location: `${path}/${created.id}`, 'preference-applied': 'respond-async' })
    sendProgress(reply, (await storage.read(created.id))!)
    return true
  }
}

/** What a client can send again that does not know whether it arrived: draft-ietf-httpapi-idempotency-key-header. */
function readRepetition (
  { headers }: FastifyRequest, body: BatchBody, scope: readonly string[]
): Repetition | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  return { key: digest(...scope, String(key)), fingerprint: digest(JSON.stringify(body)) }
}
