import fc from 'fast-check'
import { defaultInheritHeaders, defaultProtectedHeaders, sequential, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, listen, sendBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

function buildHeaders (
  t: Teardown, dispatch: Dispatch, options?: BatchOptions, server?: Parameters<typeof build>[2]
) {
  const app = build(t, { executor: sequential({ dispatch }), ...options }, server)
  app.all('/headers', async request => ({ ...request.headers, raw: request.raw.rawHeaders.length / 2 }))
  return app
}

async function headersOf (
  app: ReturnType<typeof build>, item: Record<string, string> = {}, batch: Record<string, string> = {}, rest = {}
) {
  const answer = await injectBatch(app, [{ method: 'post', url: '/headers', headers: item, ...rest }], { headers: batch })
  return answer.status === 200 ? JSON.parse(answer.batch[0]!.body) : answer.json
}

testEach('these are taken from the batch request, and no others', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const taken = {
    host: 'app.example',
    authorization: 'Bearer 1',
    cookie: 'a=b',
    'user-agent': 'test',
    'accept-language': 'de',
    traceparent: '00-1-1-00',
    tracestate: 'a=1',
    baggage: 'b=2',
    origin: 'https://app.example',
    referer: 'https://app.example/page',
    'sec-fetch-site': 'same-origin',
    forwarded: 'for=192.0.2.1',
    'x-forwarded-for': '192.0.2.1',
    'x-real-ip': '192.0.2.1',
    via: '1.1 proxy',
    'cf-connecting-ip': '192.0.2.1',
    'x-http-method-override': 'DELETE'
  }
  const { raw, ...headers } = await headersOf(app, {}, {
    ...taken,
    accept: 'application/json',
    'accept-encoding': 'gzip',
    'x-other': 'other',
    'if-none-match': '"1"',
    expect: '100-continue',
    te: 'trailers'
  })
  t.strictSame(headers, taken)
  t.equal(raw, Object.keys(headers).length)
})

testEach('an item sets what it inherits, but for cookies', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const item = { Authorization: 'Bearer 2', 'User-Agent': 'item', 'accept-language': 'en', traceparent: '00-2-2-00' }
  t.match(await headersOf(app, item, { authorization: 'Bearer 1', 'user-agent': 'test', 'accept-language': 'de' }), {
    authorization: 'Bearer 2', 'user-agent': 'item', 'accept-language': 'en', traceparent: '00-2-2-00'
  })
})

testEach('an item may not set what trust is based on, in any letter case', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const names = ['host', 'batch-subrequest', ...defaultProtectedHeaders.map(name => name.replace('*', 'any'))]
  for (const name of names) {
    for (const spelling of [name, name.toUpperCase(), name[0]!.toUpperCase() + name.slice(1)]) {
      t.match(await headersOf(app, { [spelling]: 'evil' }), {
        code: 'FST_BATCH_PROTECTED_HEADER',
        message: `batch/0/headers/${name}: is taken from the batch request, an item may not set it`
      }, spelling)
    }
  }
})

testEach('hop-by-hop headers, framing and encodings are dropped', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const headers = await headersOf(app, {
    connection: 'x-keep',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    trailer: 'x-checksum',
    'transfer-encoding': 'chunked',
    upgrade: 'websocket',
    expect: '100-continue',
    'accept-encoding': 'gzip',
    'content-length': '999',
    'x-keep': 'kept'
  }, {}, { body: { a: 1 } })
  t.match(headers, { 'x-keep': 'kept', 'content-length': '7' })
  for (const name of ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'accept-encoding']) {
    t.notOk(name in headers)
  }
})

testEach('a header that HTTP does not allow is refused', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  for (const name of ['', 'a b', 'a:', ':authority', 'a\n', 'é', 'a(b)', 'x\0y', '__PROTO__']) {
    t.match(await headersOf(app, { [name]: 'x' }), { code: 'FST_BATCH_INVALID_HEADER', message: /is not a header name$/ }, name)
  }
  for (const value of ['a\r\nb: c', 'a\nb', 'a\0', '\n', 'a\x7f', 'é', '文', 'a\x1b[0m']) {
    t.match(await headersOf(app, { 'x-value': value }), {
      code: 'FST_BATCH_INVALID_HEADER',
      message: 'batch/0/headers/x-value: has a character that a header may not have'
    }, JSON.stringify(value))
  }
  t.match(await headersOf(app, { 'X-Twice': '1', 'x-twice': '2' }), {
    code: 'FST_BATCH_INVALID_HEADER', message: 'batch/0/headers/x-twice: is given twice'
  })
})

testEach('names of JavaScript objects are names like others', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const item = { constructor: '1', toString: '2', hasOwnProperty: '3', valueOf: '4', __proto__x: '5' }
  t.match(await headersOf(app, item), { constructor: '1', tostring: '2', hasownproperty: '3', valueof: '4', __proto__x: '5' })
  t.equal(Object.getPrototypeOf({}), Object.prototype)
})

testEach('values are trimmed', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  t.match(await headersOf(app, { a: '  x y\t ', b: ' ', c: '' }), { a: 'x y', b: '', c: '' })
})

testEach('at most 64 headers and 16 KiB', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, '']))
  t.hasProp(await headersOf(app, many(64)), 'x-63')
  t.match(await headersOf(app, many(65)), { message: 'batch/0/headers: more than 64 headers' })
  t.hasProp(await headersOf(app, { x: 'x'.repeat(16_383) }), 'x')
  t.match(await headersOf(app, { x: 'x'.repeat(16_384) }), { message: 'batch/0/headers: longer than 16384 bytes' })
})

testEach('both lists are options', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch, {
    inheritHeaders: [...defaultInheritHeaders, 'X-Tenant'], protectedHeaders: ['Origin', 'X-Internal-*']
  })
  t.match(await headersOf(app, {}, { 'x-tenant': '1', authorization: 'Bearer 1' }), { 'x-tenant': '1', authorization: 'Bearer 1' })
  t.match(await headersOf(app, { 'x-tenant': '2' }, { 'x-tenant': '1' }), { 'x-tenant': '2' })
  t.match(await headersOf(app, {}, { 'x-internal-id': '1' }), { 'x-internal-id': '1' })
  t.match(await headersOf(app, { 'X-INTERNAL-ID': '2' }), { code: 'FST_BATCH_PROTECTED_HEADER' })
  t.match(await headersOf(app, { origin: 'x' }), { code: 'FST_BATCH_PROTECTED_HEADER' })
  t.match(await headersOf(app, { host: 'x' }), { code: 'FST_BATCH_PROTECTED_HEADER' }, 'host always is')
  t.match(await headersOf(app, { referer: 'item' }, { referer: 'batch' }), { referer: 'item' }, 'no longer protected')
})

testEach('framing cannot be inherited', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch, { inheritHeaders: ['content-length', 'content-type', 'transfer-encoding', 'connection'] })
  const headers = await headersOf(app, {}, { connection: 'keep-alive' }, { body: {} })
  t.match(headers, { 'content-type': 'application/json', 'content-length': '2' })
  t.notOk('connection' in headers)
  t.notOk('transfer-encoding' in headers)
})

testEach('the header that gives a request its id names batch and index', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch, {}, { requestIdHeader: 'X-Request-Id' })
  app.get('/id', async request => request.id)
  const items = [{ method: 'get', url: '/id' }, { method: 'get', url: '/id', headers: { 'x-request-id': 'forged' } }]
  const { batch } = await injectBatch(app, items, { headers: { 'x-request-id': 'outer' } })
  t.strictSame(batch.map(answer => answer.body), ['outer.0', 'outer.1'])
})

testEach('without a user agent there is none', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  await listen(app)
  const { batch } = await sendBatch(app, [{ method: 'get', url: '/headers' }])
  t.strictSame(Object.keys(JSON.parse(batch[0]!.body)), ['host', 'raw'])
  t.equal(JSON.parse(batch[0]!.body).raw, 1)
})

testEach('every header that is let through arrives as it does directly', async (t, dispatch) => {
  const app = buildHeaders(t, dispatch)
  const tokens = [...'!#$%&\'*+-.^_`|~09azAZ']
  const names = fc.string({ unit: fc.constantFrom(...tokens), minLength: 1, maxLength: 12 }).map(name => `x-test-${name}`)
  const visible = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i))
  const values = fc.string({ unit: fc.constantFrom(...visible, '\t'), maxLength: 30 })

  await fc.assert(fc.asyncProperty(names, values, async (name, value) => {
    const headers = await headersOf(app, { [name]: value })
    return headers[name.toLowerCase()] === value.trim()
  }), { numRuns: 300 })
})
