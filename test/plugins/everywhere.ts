// Visits the app of a plugin four times: over a socket, and with batches, in this process and in a process pool.
import Fastify, { type FastifyInstance } from 'fastify'
import { parseSetCookie } from 'set-cookie-parser'
import type { Test } from 'tap'
import batch, { sequential, type BatchItem, type Executor } from '../../lib/index.ts'
import type { RedisAddress } from '../fixtures/redis.ts'
import { dispatches, listen, request, sendBatch } from '../helper.ts'

/** What a file of this folder says of its plugin. */
export interface PluginTest {
  /** Registers the plugin, and routes that show its work. Their paths begin with the name of the file. */
  app (app: FastifyInstance, redis: RedisAddress | undefined): Promise<void>
  /** Whether `inject` needs it to be registered after the batch route. The others are before. */
  readonly isLast?: boolean
  /** Sends requests, and looks at what comes. */
  visit (t: Test, visitor: Visitor): Promise<void>
  /** What is not the same in every visit: of a cookie, or of an answer as text. */
  readonly varying?: RegExp
  /** What is to be seen beside the answers. */
  also? (t: Test, pool: Executor): Promise<void>
}

/** An answer, whichever way it came. */
export interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: string
}

// They speak of the connection, or stand in the answer of the batch. docs/dispatch.md names them.
const left = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date'])

/** A client with the cookies that it was given, as a browser keeps them. */
export class Visitor {
  readonly redis: RedisAddress | undefined
  /** All that came, as text, for the ways to be compared. */
  readonly record: string[] = []
  readonly #app: FastifyInstance
  readonly #send: typeof sendEach
  readonly #cookies = new Map<string, string>()

  constructor (way: 'socket' | 'batch', app: FastifyInstance, redis: RedisAddress | undefined) {
    this.#send = way === 'socket' ? sendEach : sendTogether
    this.#app = app
    this.redis = redis
  }

  /** Sends requests one after another, or in one batch. In either way all have the cookies from before the first. */
  async send (items: readonly BatchItem[], headers: Record<string, string> = {}): Promise<Answer[]> {
    const cookie = [...this.#cookies].map(pair => pair.join('=')).join('; ')
    const { answers, cookies } = await this.#send(this.#app, items, { ...headers, ...cookie !== '' && { cookie } })
    const set = new Map(cookies.map(text => [parseSetCookie(text, { decodeValues: false })[0]!, text]))
    for (const { name, value, maxAge, expires = Infinity } of set.keys()) {
      if (maxAge === 0 || Number(expires) < Date.now()) this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    // Of the same name, the last counts.
    const last = new Map([...set].map(([{ name }, text]) => [name, text]))
    this.record.push(...answers.map(toText), ...last.values())
    return answers
  }

  async statuses (items: readonly BatchItem[], headers?: Record<string, string>): Promise<number[]> {
    return (await this.send(items, headers)).map(({ status }) => status)
  }

  async get (url: string, headers?: Record<string, string>): Promise<Answer> {
    const [answer] = await this.send([{ method: 'GET', url }], headers)
    return answer!
  }
}

function toText ({ status, headers, body }: Answer): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`)
  return [status, ...lines.sort(), '', body].join('\n')
}

interface Arrived { readonly answers: Answer[], readonly cookies: string[] }

async function sendEach (
  app: FastifyInstance, items: readonly BatchItem[], common: Record<string, string>
): Promise<Arrived> {
  const answers: Answer[] = []
  const cookies: string[] = []
  for (const { method, url, headers, body, body_encoding: encoding } of items) {
    const bytes = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const response = await request(app, {
      method,
      path: url,
      headers: { ...common, ...bytes !== undefined && { 'content-type': 'application/json' }, ...headers },
      body: encoding === 'base64' ? Buffer.from(bytes!, 'base64') : bytes
    })
    // Without a path it is that of its url (RFC 6265 section 5.1.4), which the answer of a batch has to say.
    const path = `; Path=${url.slice(0, Math.max(url.lastIndexOf('/'), 1))}`
    cookies.push(...(response.headers['set-cookie'] ?? []).map(text => /; path=/i.test(text) ? text : text + path))
    answers.push({ status: response.status, headers: kept(response.headers), body: response.body.toString('latin1') })
  }
  return { answers, cookies }
}

async function sendTogether (
  app: FastifyInstance, items: readonly BatchItem[], headers: Record<string, string>
): Promise<Arrived> {
  const { status, batch, headers: { 'set-cookie': cookies = [] }, json } = await sendBatch(app, items, { headers })
  if (status !== 200) throw new Error(JSON.stringify(json))
  return {
    cookies,
    answers: batch.map(({ status_code: status, headers, body, body_encoding: encoding = 'utf8' }) => (
      { status, headers: kept(headers), body: Buffer.from(body, encoding as BufferEncoding).toString('latin1') }
    ))
  }
}

function kept (headers: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !left.has(name) && name !== 'set-cookie'))
}

/** Makes the visits, and compares what came. */
export async function visitEverywhere (
  t: Test, plugin: PluginTest, pool: Executor, redis: RedisAddress | undefined
): Promise<void> {
  const visit = async (t: Test, visitor: Visitor) => {
    await plugin.visit(t, visitor)
    const { varying } = plugin
    return varying === undefined ? visitor.record : visitor.record.map(text => text.replace(varying, ''))
  }
  let direct: string[] = []
  await t.test('over a socket', async t => {
    direct = await visit(t, new Visitor('socket', await build(t, plugin, 'inject', redis), redis))
  })
  for (const dispatch of dispatches) {
    await t.test(`in a batch, ${dispatch}`, async t => {
      const app = await build(t, plugin, dispatch, redis)
      t.strictSame(await visit(t, new Visitor('batch', app, redis)), direct, 'as over a socket')
    })
  }
  await t.test('in a batch, process pool', async t => {
    const app = Fastify({ pluginTimeout: 60_000 })
    t.teardown(() => app.close())
    app.register(batch, { executor: pool, durationHeader: false })
    await listen(app)
    t.strictSame(await visit(t, new Visitor('batch', app, redis)), direct, 'as over a socket')
  })
  if (plugin.also !== undefined) await t.test('besides', t => plugin.also!(t, pool))
}

async function build (
  t: Test, plugin: PluginTest, dispatch: typeof dispatches[number], redis: RedisAddress | undefined
): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  if (plugin.isLast !== true) await plugin.app(app, redis)
  await app.register(batch, { executor: sequential({ dispatch }), durationHeader: false })
  if (plugin.isLast === true) await plugin.app(app, redis)
  return listen(app)
}
