import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import batch, { type BatchOptions, type Executor } from '../../lib/index.ts'
import { listen, parseContext, sendBatch, type Answered, type Teardown } from '../helper.ts'
import { streamBatch } from '../fixtures/lines.ts'
import { conformanceApp } from './conformance-app.ts'

/** What is answered where an executor that is right may do so in several ways. */
export interface Expected {
  /** A handler that resets its connection. */
  readonly reset?: { readonly status_code: number, readonly outcome: 'unknown' | undefined, readonly body?: RegExp }
  /** A handler whose only answer is an informational one. */
  readonly informational?: object
}

/**
 * What every executor must do that runs subrequests in a Fastify app.
 * To hold one to it: let it run `conformanceApp`, and call this in a test file of its own.
 */
export function testConformance (name: string, makeExecutor: () => Executor, expected: Expected = {}): void {
  const get = (url: string) => ({ method: 'get', url })
  const { reset = { status_code: 502, outcome: 'unknown' } } = expected

  async function start (t: Teardown, options: BatchOptions = {}): Promise<FastifyInstance> {
    const app: FastifyInstance = Fastify({ pluginTimeout: 100_000 })
    app.register(conformanceApp)
    app.register(batch, { executor: makeExecutor(), durationHeader: false, ...options })
    t.teardown(() => app.close())
    return listen(app)
  }

  async function run (
    t: Teardown, items: object[], options: BatchOptions = {}, headers: Record<string, string> = {}
  ): Promise<Answered['batch']> {
    const app = await start(t, options)
    const { batch: answers, status } = await sendBatch(app, items, { headers, localAddress: '127.0.0.3' })
    if (status !== 200) throw new Error(`the batch was answered ${status}`)
    return answers
  }

  t.test(`${name}: answers are those of the app, one for each item, in order`, async t => {
    const answers = await run(t, [
      get('/text'), { method: 'post', url: '/echo', body: { a: [1, null] } }, get('/nowhere'), { method: 'delete', url: '/nothing' },
      { method: 'head', url: '/text' }, get('/throw')
    ])
    t.match(answers, [
      { status_code: 200, reason_phrase: 'OK', headers: { 'content-type': 'text/plain; charset=utf-8', 'x-app': 'yes' }, body: 'täxt' },
      { status_code: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body: '{"a":[1,null]}' },
      { status_code: 404 },
      { status_code: 204, reason_phrase: 'No Content', body: '' },
      { status_code: 200, headers: { 'content-length': '5' }, body: '' },
      { status_code: 422, body: /"message":"thrown"/ }
    ])
  })

  t.test(`${name}: bytes cross both ways unchanged`, async t => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const [answer] = await run(t, [{
      method: 'post',
      url: '/echo',
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes.toString('base64'),
      body_encoding: 'base64'
    }])
    t.match(answer, { body: bytes.toString('base64'), body_encoding: 'base64' })
  })

  t.test(`${name}: a header that is sent twice stays two`, async t => {
    const [answer] = await run(t, [get('/cookies')], { setCookie: 'expose' })
    t.strictSame(answer!.headers['set-cookie'], ['a=1', 'b=2; HttpOnly'])
  })

  t.test(`${name}: the app sees who is calling`, async t => {
    const [answer] = await run(t, [{ ...get('/who?x=\'1\''), headers: { 'x-own': 'item' } }], {}, {
      host: 'app.example', authorization: 'Bearer 1', cookie: 'c=1'
    })
    t.strictSame(parseContext(answer!.body), {
      ip: '127.0.0.3',
      host: 'app.example',
      protocol: 'http',
      url: '/who?x=\'1\'',
      authorization: 'Bearer 1',
      cookie: 'c=1',
      own: 'item',
      batch: { requestId: 'req-1', index: 0, size: 1, deadline: 'number' }
    })
  })

  t.test(`${name}: an empty body is one, and no body is none`, async t => {
    const headers = { 'content-type': 'application/octet-stream' }
    const answers = await run(t, [{ method: 'post', url: '/length', body: '', headers }, { method: 'post', url: '/length' }])
    t.strictSame(answers.map(answer => answer.body), ['0', 'none'])
  })

  t.test(`${name}: what does not answer in time is 504, and the others are answered`, async t => {
    const answers = await run(t, [get('/never'), get('/text'), { method: 'post', url: '/never', body: {} }], { subrequestTimeout: 300 })
    t.strictSame(answers.map(answer => [answer.status_code, answer.outcome]), [
      [504, 'unknown'], [200, undefined], [504, 'unknown']
    ])
  })

  t.test(`${name}: a connection that is reset is 502`, async t => {
    const answers = await run(t, [get('/reset'), get('/text')])
    t.match(answers, [reset, { status_code: 200 }])
  })

  t.test(`${name}: an informational status is no answer`, async t => {
    const [answer] = await run(t, [get('/informational')], { subrequestTimeout: 1000 })
    t.match(answer, expected.informational ?? { status_code: 502, body: /FST_BATCH_INVALID_STATUS/ })
  })

  t.test(`${name}: an answer that is too large is 502`, async t => {
    const answers = await run(t, [get('/large'), get('/endless'), get('/text')], { maxResponseBytes: 100_000 })
    t.match(answers, [{ status_code: 502 }, { status_code: 502, body: /FST_BATCH_RESPONSE_TOO_LARGE/ }, { status_code: 200 }])
  })

  t.test(`${name}: no batch inside a batch, and no route that is taken out`, async t => {
    const answers = await run(t, [{ method: 'post', url: '/batch', body: { batch: [get('/text')] } }, get('/closed')])
    t.match(answers, [{ status_code: 400, body: /FST_BATCH_NESTED/ }, { status_code: 403, body: /FST_BATCH_ROUTE_NOT_ALLOWED/ }])
  })

  t.test(`${name}: each answer is a line`, async t => {
    const app = await start(t, { subrequestTimeout: 300 })
    const { rest } = await streamBatch(t, app, { batch: [get('/text'), get('/reset'), get('/never'), get('/nowhere')] })
    const lines = await rest()
    t.match(lines.pop(), { summary: { total: 4, ok: 1, failed: 3, not_started: 0 } })
    t.strictSame(lines.sort((a, b) => a.index - b.index).map(line => [line.status_code, line.outcome]), [
      [200, undefined], [reset.status_code, reset.outcome], [504, 'unknown'], [404, undefined]
    ])
  })

  t.test(`${name}: handlers know when they are given up`, async t => {
    const before = Date.now()
    const [answer] = await run(t, [get('/who')], { subrequestTimeout: 20_000, batchTimeout: 10_000 })
    const { deadline } = JSON.parse(answer!.body).batch
    t.ok(deadline >= before + 9999 && deadline <= Date.now() + 10_000)
  })
}
