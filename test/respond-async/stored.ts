// What the tests of batches that outlive their connection have in common.
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { BatchItem } from '../../lib/index.ts'
import { latch, type Teardown } from '../helper.ts'
import { startHere } from '../executors/bullmq/queue.ts'

type Latch = ReturnType<typeof latch<void>>

export const me = { authorization: 'Bearer me' }

/** Sends a batch whose answer is not waited for. */
export function submit (
  api: FastifyInstance, items: readonly BatchItem[], { headers = {}, ...rest }: SubmitOptions = {}
) {
  return api.inject({
    method: 'POST',
    url: '/batch',
    headers: { ...me, prefer: 'respond-async', ...headers },
    payload: { batch: items, ...rest }
  })
}

interface SubmitOptions {
  headers?: Record<string, string>
  [member: string]: unknown
}

/** Sends a batch, and gives where it is. */
export async function location (
  api: FastifyInstance, items: readonly BatchItem[], options?: SubmitOptions
): Promise<string> {
  const { statusCode, headers, body } = await submit(api, items, options)
  if (statusCode !== 202) throw new Error(body)
  return headers.location as string
}

/** Reads a batch once: how far it has come, or its answer. */
export async function read (api: FastifyInstance, url: string, headers: Record<string, string> = me) {
  const response = await api.inject({ url, headers })
  return { ...response, status: response.statusCode, json: response.json() }
}

/** Waits for the end of a batch, and gives its lines. */
export async function follow (api: FastifyInstance, url: string, headers: Record<string, string> = me) {
  const { body } = await api.inject({ url, headers: { ...headers, accept: 'application/x-ndjson' } })
  return body.trimEnd().split('\n').map(line => JSON.parse(line))
}

/** Waits for the end of a batch, and gives its answer. */
export async function answerOf (api: FastifyInstance, url: string) {
  await follow(api, url)
  return (await read(api, url)).json
}

/**
 * Starts a worker in this process. Its app answers `/wait/NAME` when it is told to, `/status/STATUS` and `/echo`, and
 * keeps account of what it was asked for.
 */
export async function startWaiting (t: Teardown, own: Parameters<typeof startHere>[1]) {
  const waits = new Map<string, { reached: Latch, go: Latch }>()
  const at = (name: string) => {
    const wait = waits.get(name) ?? { reached: latch<void>(), go: latch<void>() }
    waits.set(name, wait)
    return wait
  }
  const urls: string[] = []
  const app = () => {
    const app = Fastify()
    app.addHook('onRequest', async ({ url }) => { urls.push(url) })
    app.all('/wait/:name', async ({ params }: FastifyRequest) => {
      const { name } = params as { name: string }
      const { reached, go } = at(name)
      reached.open()
      await go.promise
      return { name }
    })
    app.all('/status/:status', async ({ params }: FastifyRequest, reply) => {
      const status = Number((params as { status: string }).status)
      return reply.code(status).header('set-cookie', `status=${status}`).send({ status })
    })
    app.all('/echo', async ({ method, url, ip, body, headers, batch }) => ({ method, url, ip, body, headers, batch }))
    return app
  }
  const worker = await startHere(t, { concurrency: 4, ...own, app })
  return {
    urls,
    worker,
    reached: (name: string) => at(name).reached.promise,
    go: (...names: string[]) => { for (const name of names) at(name).go.open() }
  }
}
