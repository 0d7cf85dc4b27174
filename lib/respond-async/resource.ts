import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientGoneError, ClosingError, NoSuchBatchError } from '../errors.ts'
import { prefersLines } from '../reply/accept.ts'
import { JsonAnswer } from '../reply/json.ts'
import { NdjsonAnswer, type LinesSettings } from '../reply/ndjson.ts'
import { sendAnswer, type SendSettings } from '../reply/send.ts'
import type { BatchStorage, StoredBatch } from '../storage.ts'
import { digest, type Owner } from './owner.ts'
import { progressOf, retryAfter } from './progress.ts'

export interface ResourceSettings {
  readonly storage: BatchStorage
  readonly route: string
  readonly owner: Owner
  /** Called when a batch was cancelled. */
  readonly onCancel: () => void
  readonly replySettings: LinesSettings & SendSettings
}

// Milliseconds between two looks at a batch whose change nobody has told of.
const interval = 1000

/** A stored batch as its owner sees it. */
export class BatchResource {
  readonly #settings: ResourceSettings
  readonly #closing = new AbortController()

  constructor (settings: ResourceSettings) {
    this.#settings = settings
  }

  /** Answers with the progress of a batch, or with its answer. */
  async get (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { id, batch } = await this.#find(request)
    if (prefersLines(request.headers)) return this.#sendLines(id, reply)
    if (batch.duration === undefined) return sendProgress(reply, batch)
    return this.#sendJson(id, batch, reply)
  }

  /** Starts nothing further in a batch. */
  async cancel (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { id } = await this.#find(request)
    const { storage, onCancel } = this.#settings
    await storage.cancel(id)
    onCancel()
    return reply.code(204).send()
  }

  /** Ends the answers that follow a batch. */
  close (): void {
    this.#closing.abort(new ClosingError())
  }

  /** @throws NoSuchBatchError whatever the reason: nobody learns which batches others have */
  async #find (request: FastifyRequest): Promise<{ id: string, batch: StoredBatch }> {
    const { storage, route, owner } = this.#settings
    const { batchId: id } = request.params as { batchId: string }
    const [batch, name] = await Promise.all([storage.read(id), owner(request)])
    if (batch === undefined || batch.route !== route || name === undefined || batch.owner !== digest(name)) {
      throw new NoSuchBatchError()
    }
    return { id, batch }
  }

  async #sendJson (id: string, { items, duration }: StoredBatch, reply: FastifyReply): Promise<FastifyReply> {
    const { storage, replySettings } = this.#settings
    const answer = new JsonAnswer(items.length, false, replySettings)
    for (let from = 0; from < items.length;) {
      const outcomes = await storage.readOutcomes(id, from)
      // It has expired.
      if (outcomes.length === 0) throw new NoSuchBatchError()
      for (const outcome of outcomes) answer.deliver(outcome)
      from += outcomes.length
    }
    answer.finish(duration!)
    sendAnswer(reply, answer, replySettings)
    return reply
  }

  async #sendLines (id: string, reply: FastifyReply): Promise<FastifyReply> {
    const { replySettings } = this.#settings
    const answer = new NdjsonAnswer(false, replySettings)
    const gone = new AbortController()
    reply.raw.once('close', () => { gone.abort(new ClientGoneError()) })
    const followed = this.#follow(id, answer, AbortSignal.any([gone.signal, this.#closing.signal]))
    // Whatever happens before the head was sent is an error of the whole.
    await Promise.race([answer.begun, followed])
    followed.catch(error => { answer.destroy(error) })
    sendAnswer(reply, answer, replySettings)
    return reply
  }

  /** Delivers the outcomes of a batch to an answer, as they come and as the client takes them. */
  async #follow (id: string, answer: NdjsonAnswer, signal: AbortSignal): Promise<void> {
    const { storage } = this.#settings
    let wake: () => void
    let woken = new Promise<void>(resolve => { wake = resolve })
    const again = () => { wake() }
    const stop = await storage.watch(id, again)
    const timer = setInterval(again, interval)
    answer.onRoom = again
    signal.addEventListener('abort', again)
    try {
      for (let from = 0; ; await woken) {
        signal.throwIfAborted()
        woken = new Promise(resolve => { wake = resolve })
        if (answer.full) continue
        const outcomes = await storage.readOutcomes(id, from)
        for (const outcome of outcomes) answer.deliver(outcome)
        from += outcomes.length
        if (outcomes.length > 0) again()
        else if (await this.#hasEnded(id, from, answer)) return
      }
    } finally {
      clearInterval(timer)
      stop()
    }
  }

  async #hasEnded (id: string, from: number, answer: NdjsonAnswer): Promise<boolean> {
    const batch = await this.#settings.storage.read(id)
    if (batch === undefined) throw new NoSuchBatchError()
    if (batch.duration === undefined || from < batch.items.length) return false
    answer.finish(batch.duration)
    return true
  }
}

/** Answers with how far a batch has come, and when to look again. */
export function sendProgress (reply: FastifyReply, batch: StoredBatch): FastifyReply {
  return reply.code(202).header('retry-after', retryAfter(batch)).send(progressOf(batch))
}
