import t from 'tap'
import { build, injectBatch } from '../helper.ts'

const item = { method: 'get', url: '/' }

type Case = readonly [name: string, payload: unknown, message: string]

const refused: readonly Case[] = [
  ['null', null, 'body: expected object'],
  ['an array', [item], 'body: expected object'],
  ['a string', '"batch"', 'body: expected object'],
  ['no batch', {}, 'batch: expected required property'],
  ['a batch that is null', { batch: null }, 'batch: expected array'],
  ['a batch that is a string', { batch: 'true' }, 'batch: expected array'],
  ['a batch that is an object', { batch: { 0: item, length: 1 } }, 'batch: expected array'],
  ['an empty batch', { batch: [] }, 'batch: expected array length to be greater or equal to 1'],
  ['an unknown key of the batch', { batch: [item], requests: [] }, 'requests: unexpected property'],
  ['an item that is null', { batch: [item, null] }, 'batch/1: expected object'],
  ['an item that is an array', { batch: [[]] }, 'batch/0: expected object'],
  ['an item that is a string', { batch: ['/'] }, 'batch/0: expected object'],
  ['an unknown key of an item', { batch: [{ ...item, path: '/' }] }, 'batch/0/path: unexpected property'],
  ['what inject takes: payload', { batch: [{ ...item, payload: 1 }] }, 'batch/0/payload: unexpected property'],
  ['what inject takes: simulate', { batch: [{ ...item, simulate: { end: false } }] }, 'batch/0/simulate: unexpected property'],
  ['what inject takes: remoteAddress', { batch: [{ ...item, remoteAddress: '::1' }] }, 'batch/0/remoteAddress: unexpected property'],
  ['what inject takes: validate', { batch: [{ ...item, validate: false }] }, 'batch/0/validate: unexpected property'],
  ['what inject takes: authority', { batch: [{ ...item, authority: 'a' }] }, 'batch/0/authority: unexpected property'],
  ['what inject takes: query', { batch: [{ ...item, query: {} }] }, 'batch/0/query: unexpected property'],
  ['what inject takes: cookies', { batch: [{ ...item, cookies: {} }] }, 'batch/0/cookies: unexpected property'],
  ['what inject takes: signal', { batch: [{ ...item, signal: {} }] }, 'batch/0/signal: unexpected property'],
  ['no method', { batch: [{ url: '/' }] }, 'batch/0/method: expected required property'],
  ['a method that is a number', { batch: [{ method: 1, url: '/' }] }, 'batch/0/method: expected string'],
  ['a method that is an array', { batch: [{ method: ['get'], url: '/' }] }, 'batch/0/method: expected string'],
  ['no url', { batch: [{ method: 'get' }] }, 'batch/0/url: expected required property'],
  ['a url that is an array', { batch: [{ method: 'get', url: ['/'] }] }, 'batch/0/url: expected string'],
  ['a url that is an object', { batch: [{ method: 'get', url: {} }] }, 'batch/0/url: expected string'],
  ['a url that is null', { batch: [{ method: 'get', url: null }] }, 'batch/0/url: expected string'],
  ['a url that is a number', { batch: [{ method: 'get', url: 5 }] }, 'batch/0/url: expected string'],
  ['headers that are an array', { batch: [{ ...item, headers: [1] }] }, 'batch/0/headers: expected object'],
  ['headers that are a string', { batch: [{ ...item, headers: 'a' }] }, 'batch/0/headers: expected object'],
  ['headers that are null', { batch: [{ ...item, headers: null }] }, 'batch/0/headers: expected object'],
  ['a header that is a number', { batch: [{ ...item, headers: { a: 1 } }] }, 'batch/0/headers/a: expected string'],
  ['a header that is null', { batch: [{ ...item, headers: { a: null } }] }, 'batch/0/headers/a: expected string'],
  ['another encoding', { batch: [{ ...item, body: '', body_encoding: 'hex' }] }, 'batch/0/body_encoding: expected \'base64\'']
]

t.test('what does not have the shape of a batch is refused, and named', async t => {
  const app = build(t)
  let runs = 0
  app.get('/', async () => { runs++ })

  for (const [name, payload, message] of refused) {
    const response = await app.inject({
      method: 'POST',
      url: '/batch',
      headers: { 'content-type': 'application/json' },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload)
    })
    t.strictSame(response.json(), { statusCode: 400, code: 'FST_BATCH_INVALID_BATCH', error: 'Bad Request', message }, name)
  }
  t.equal(runs, 0)
})

t.test('a request without a body is refused', async t => {
  const app = build(t)
  const response = await app.inject({ method: 'POST', url: '/batch' })
  t.match(response.json(), { statusCode: 400, message: 'body: expected object' })
})

t.test('one bad item refuses the whole batch before anything runs', async t => {
  const app = build(t)
  let runs = 0
  app.get('/', async () => { runs++ })
  const { status, json } = await injectBatch(app, [item, item, { method: 'get', url: 'bad' }])
  t.equal(status, 400)
  t.match(json, { code: 'FST_BATCH_INVALID_URL', message: /^batch\/2\/url: / })
  t.equal(runs, 0)
})

t.test('too many items are refused without a look at them', async t => {
  const app = build(t, { maxRequests: 3 })
  const { status, json } = await injectBatch(app, [null, 1, 'x', {}] as never)
  t.equal(status, 400)
  t.strictSame(json, {
    statusCode: 400,
    code: 'FST_BATCH_TOO_MANY_REQUESTS',
    error: 'Bad Request',
    message: 'batch: has 4 items, the limit is 3'
  })
})

t.test('nothing is coerced, filled in or removed', async t => {
  const app = build(t)
  app.post('/', async request => request.body)
  const body = { number: '1', flag: 'true', list: 'one', nothing: null, extra: { deep: [] } }
  const { batch } = await injectBatch(app, [{ method: 'post', url: '/', body }])
  t.strictSame(JSON.parse(batch[0]!.body), body)
})

t.test('a refusal stays short, whatever was sent', async t => {
  const app = build(t)
  const name = 'x'.repeat(100_000)
  for (const item of [
    { method: name, url: '/' }, { method: 'get', url: `/ ${name}` }, { method: 'get', url: '/', [name]: 1 },
    { method: 'get', url: '/', headers: { [name]: 1 } }, { method: 'get', url: '/', headers: { [`${name}:`]: '' } }
  ]) {
    const response = await app.inject({ method: 'POST', url: '/batch', payload: { batch: [item] } })
    t.equal(response.statusCode, 400)
    t.ok(response.rawPayload.length < 300, response.payload)
  }
})
