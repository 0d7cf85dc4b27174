import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import { bullmq, startWorker } from '../lib/bullmq.ts'
import batch, { concurrent, processPool, sequential, type BatchItem, type BatchItemResponse } from '../lib/index.ts'
import { buildRealisticApp } from './fixtures/app.ts'
import { findRedis, startRedis } from './fixtures/redis.ts'
import { remote } from '../lib/remote.ts'
import { listen, request, sendBatch, type Response } from './helper.ts'

// What an answer that came over a socket of its own has otherwise. docs/dispatch.md names them.
const differences = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date'])

const paths = [
  '/echo', '/users/1', '/users/%2F', '/users/a%20b', '/users', '/redirect', '/cookies', '/cookie', '/twice', '/text',
  '/empty', '/null', '/number', '/not-json', '/problem', '/binary', '/latin1', '/stream', '/teapot', '/throw',
  '/throw-null', '/raw', '/etag', '/admin/', '/admin/throw', '/admin/settings', '/admin/nowhere', '/nowhere', '/', '/ADMIN/'
]
const characters = [...'abcXYZ019-._~!$&\'()*+,;=:@/?[]^|%20']

const urlCharacters = fc.string({ unit: fc.constantFrom(...characters), maxLength: 12 })
const url = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...paths) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...paths), urlCharacters).map(([path, query]) => `${path}?${query}`) },
  { weight: 1, arbitrary: urlCharacters.map(path => `/${path.replace(/^\/+/, '')}`) }
).filter(url => !/^[^?]*\/(\.|%2e){1,2}([/?]|$)/i.test(url) && !isQuotedRewritten(url))

/** Whether the url cannot be decoded, and the app says so before `'` and `^` are put back (docs/dispatch.md). */
function isQuotedRewritten (url: string): boolean {
  try {
    decodeURI(url)
    return false
  } catch {
    return /['^]|\?$/.test(url)
  }
}

const headerValue = fc.string({ unit: 'grapheme-ascii', maxLength: 20 })
const headers = fc.record({
  authorization: fc.constantFrom('Bearer secret', 'Bearer wrong'),
  accept: fc.constantFrom('application/json', 'text/html'),
  'X-Custom': headerValue,
  'x-empty': fc.constant(''),
  'x-reject': fc.constant('please'),
  'if-none-match': fc.constantFrom('"other"', '*'),
  'user-agent': headerValue.filter(value => value.trim() !== '')
}, { requiredKeys: [] })

const body: fc.Arbitrary<Pick<BatchItem, 'body' | 'body_encoding'> & { headers?: Record<string, string> }> = fc.oneof(
  fc.constant({}),
  fc.json().map(body => ({ body })),
  fc.string({ unit: 'grapheme' }).map(body => ({ body, headers: { 'content-type': 'text/plain' } })),
  fc.constant({ body: 'a,b\nc,d', headers: { 'Content-Type': 'text/csv' } }),
  fc.constant({ body: 'a=b&c=d&c=e', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  fc.constant({ body: 'x', headers: { 'content-type': 'application/unheard-of' } }),
  fc.jsonValue().filter(value => typeof value !== 'string').map(body => ({ body })),
  fc.uint8Array({ maxLength: 40 }).map(bytes => ({
    body: Buffer.from(bytes).toString('base64'),
    body_encoding: 'base64' as const,
    headers: { 'content-type': 'application/octet-stream' }
  }))
)
const item: fc.Arbitrary<BatchItem> = fc.record({
  method: fc.constantFrom('GET', 'get', 'HEAD', 'POST', 'Put', 'PATCH', 'DELETE', 'OPTIONS'),
  url,
  headers,
  body
}).map(({ method, url, headers, body: { headers: bodyHeaders, ...rest } }) => ({
  method, url, headers: { ...headers, ...bodyHeaders }, ...rest
}))

const inherited = fc.record({
  authorization: fc.constantFrom('Bearer secret', 'Basic Zm9v'),
  cookie: fc.constantFrom('a=b', 'a=b; c="d e"'),
  'accept-language': fc.constant('de, en;q=0.5'),
  'user-agent': fc.constant('same/1.0'),
  'x-forwarded-for': fc.constantFrom('192.0.2.1', '192.0.2.1, 198.51.100.7'),
  'x-forwarded-host': fc.constant('elsewhere.example'),
  'x-forwarded-proto': fc.constant('https'),
  origin: fc.constant('https://app.example')
}, { requiredKeys: [] })

function pool (options: { dispatch: 'inject' | 'direct' }) {
  const app = new URL('fixtures/app.ts', import.meta.url)
  return processPool({ ...options, app, exportName: 'buildRealisticApp', workers: 1, arguments: [{ trustProxy: options.dispatch === 'direct' }] })
}

const redis = findRedis()
const connection = redis === undefined ? {} : await startRedis(t, redis)

async function queue (dispatch: 'inject' | 'direct') {
  const options = { connection, queue: dispatch }
  if (redis !== undefined) {
    const app = () => buildRealisticApp({ trustProxy: dispatch === 'inject' })
    const worker = await startWorker({ ...options, app, dispatch, concurrency: 4 })
    t.teardown(() => worker.close())
  }
  return bullmq(options)
}

/** Another server with the same app, as the upstream of the one that batches come to. */
async function upstream (trustProxy: FastifyServerOptions['trustProxy']) {
  const app = buildRealisticApp({ trustProxy })
  app.register(batch)
  t.teardown(() => app.close())
  await listen(app)
  return remote({ upstream: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` })
}

for (const [name, executor, trustProxy] of [
  ['sequential, inject', sequential({ dispatch: 'inject' }), false],
  ['sequential, direct', sequential({ dispatch: 'direct' }), true],
  ['concurrent, inject', concurrent({ limit: 4, dispatch: 'inject' }), true],
  ['concurrent, direct', concurrent({ limit: 4, dispatch: 'direct' }), false],
  ['processPool, inject', pool({ dispatch: 'inject' }), false],
  ['processPool, direct', pool({ dispatch: 'direct' }), true],
  ['bullmq, inject', await queue('inject'), true],
  ['bullmq, direct', await queue('direct'), false],
  ['remote', await upstream((_address, hop) => hop === 0), false],
  ['remote, behind a proxy', await upstream(true), true]
] as const) {
  const skip = executor.name === 'bullmq' && redis === undefined && 'SKIPPED: there is no redis-server on PATH'
  t.test(`a subrequest is answered as the same request sent directly: ${name}`, { skip }, async t => {
    const app = buildRealisticApp({ trustProxy, pluginTimeout: 100_000 })
    app.register(batch, { executor, durationHeader: false, setCookie: 'expose' })
    await listen(app)
    const agent = new Agent({ keepAlive: true })
    t.teardown(() => {
      agent.destroy()
      return app.close()
    })

    const items = fc.array(item, { minLength: 1, maxLength: 8 })
    await fc.assert(fc.asyncProperty(items, inherited, async (items, inherited) => {
      const { status, batch } = await sendBatch(app, items, { headers: inherited, agent })
      assert.equal(status, 200)
      for (const [index, item] of items.entries()) {
        const direct = await request(app, directly(item, inherited, agent))
        const known = executor.name === 'remote' ? withoutProxy : identity
        assert.deepEqual(known(normalizeItem(batch[index]!)), known(normalizeDirect(direct)))
      }
    }), { numRuns: 300, seed: 20261122 })
  })
}

/** The request that a client would have sent instead of the item. */
function directly (item: BatchItem, inherited: object, agent: Agent) {
  const { method, url, headers = {}, body, body_encoding: encoding } = item
  const bytes = body === undefined
    ? undefined
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), encoding ?? 'utf8')
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()])
  return {
    method: method.toUpperCase(),
    path: url,
    headers: {
      ...inherited,
      ...bytes && { 'content-type': 'application/json', 'content-length': bytes.length },
      ...Object.fromEntries(own)
    },
    body: bytes,
    agent
  }
}

function normalizeItem (answer: BatchItemResponse): Normalized {
  const headers = Object.entries(answer.headers).map(([name, value]) => [name, [value].flat()] as const)
  return {
    status: answer.status_code,
    reason: answer.reason_phrase,
    headers: Object.fromEntries(headers.filter(([name]) => !differences.has(name))),
    body: Buffer.from(answer.body as string, answer.body_encoding === 'base64' ? 'base64' : 'utf8').toString('latin1')
  }
}

function normalizeDirect ({ status, reason, rawHeaders, body }: Response): Normalized {
  const headers: Record<string, string[]> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (!differences.has(name)) (headers[name] ??= []).push(rawHeaders[i + 1]!)
  }
  return { status, reason, headers, body: body.toString('latin1') }
}

interface Normalized { status: number, reason: string, headers: Record<string, unknown>, body: string }

function identity (answer: Normalized): Normalized {
  return answer
}

/** An upstream sees the headers that a proxy sets. What it makes of them, `ip`, `host` and `protocol`, is compared. */
function withoutProxy (answer: Normalized): Normalized {
  if (!answer.body.startsWith('{"method"')) return answer
  const { headers, ...rest } = JSON.parse(answer.body)
  for (const name of ['host', 'batch-subrequest', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']) delete headers[name]
  const { 'content-length': length, ...answerHeaders } = answer.headers
  return { ...answer, headers: answerHeaders, body: JSON.stringify({ headers, ...rest }) }
}
