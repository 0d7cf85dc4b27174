import assert from 'node:assert/strict'
import fc from 'fast-check'
import { hostilePaths } from './app.js'
import { goodBatch } from './plans.js'
import { expectAllPlaces, maxRequests, readAnswers, seen, startServers } from './servers.js'

const text = fc.string({ unit: 'binary', maxLength: 20 })
const pointers = [
  '', '/', '/url', '/url/__proto__', '/url/name', '/headers/host', '/headers/cookie', '/headers/__proto__', '/headers/x\r\ny',
  '/body/__proto__', '/body/__proto__/polluted', '/body/constructor/prototype/polluted', '/body/-', '/body/0', '/body/99999999999',
  '/body/~', '/body/~01', '/id', '/method', '/bind/url'
]
const from = [
  'i0/body/__proto__', 'i0/body/constructor/name', 'i0/headers/__proto__', 'i0/body/name', 'i0/__proto__', 'i0', 'i0/', '/body', 'i9/body',
  'i0/status_code/x', 'i0/headers/set-cookie', '__proto__/body', 'i1/body', 'i0/body/length', 'i0/body/-', 'i0/body/~2'
]

const methods = ['FOO', 'gEt ', '', 'TRACE', 'CONNECT', 'QUERY', 'PRI', '__proto__', 'GET\r\nx: y', 'OPTIONS *']
const urls = [
  '//evil.example/', '/\\evil.example', '\\\\evil', 'http://[', 'http://evil.example/', 'file:///etc/passwd', 'javascript:1',
  '', '*', '/a/../batch', '/%2e%2E/batch', '/a/.%2e/', '/a\r\nhost: x', '/\0', '/a#b', '/\ud800', '/{name}', '/echo/%',
  '/echo/%ff', '/echo/%00', ' /a', `/${'x'.repeat(9000)}`, `/echo/${'x'.repeat(8000)}`, `/echo/x?${'a=b&'.repeat(2000)}`,
  '/echo/x?__proto__=1&status[]=1', '/echo/x?status=0', '/echo/x?status=-1', '/echo/x?status=1e9', '/?', '/??', '/;'
]
const headerNames = [
  'Host', 'COOKIE', 'X-Forwarded-For', 'x-forwarded-host', 'x-real-ip', 'forwarded', 'Origin', ':authority', 'content-length',
  'Content-Type', 'transfer-encoding', 'connection', 'upgrade', 'expect', '__proto__', 'batch-subrequest', 'request-id',
  'x-http-method-override', 'accept-version', 'authorization'
]
const headerValues = [
  '127.0.0.1', 'evil.example', '0', '-1', '1e9', 'chunked', 'application/json', 'application/json; charset=utf-16',
  'x'.repeat(17_000), 'a\r\nb: c', '\u00e9', 'text/plain, text/plain'
]
const bodies = [
  '{"__proto__":{"polluted":1}}', '[', 'x'.repeat(100_000), '=', '====', 'AA==', '{{i0.body}}', '$0.constructor',
  '#{process.exit()}'
]

/** Mostly one of those that are known to be bad. */
const oneOf = values => fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: text })
const manyHeaders = fc.integer({ min: 60, max: 80 })
  .map(count => Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, 'y'])))
const manyBindings = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`/body/${n}`, 'i0/body']))

/** By member of an item: what may stand there, and should not. */
const hostileMembers = {
  method: oneOf(methods),
  url: fc.oneof(
    { weight: 200, arbitrary: fc.constantFrom(...hostilePaths) },
    { weight: 1, arbitrary: fc.constant('/never') },
    { weight: 100, arbitrary: oneOf(urls) },
    { weight: 20, arbitrary: text.map(text => `/${text}`) }
  ),
  headers: fc.oneof(
    { weight: 8, arbitrary: fc.dictionary(oneOf(headerNames), oneOf(headerValues), { maxKeys: 2 }) },
    { weight: 1, arbitrary: manyHeaders }
  ),
  id: oneOf(['', '__proto__', 'constructor', 'x'.repeat(65), 'i0', 'i0/body', '\n', '\u00e9']),
  depends_on: fc.oneof(
    { weight: 8, arbitrary: fc.array(oneOf(['i0', 'i1', 'i2', '__proto__']), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant(Array(5000).fill('i0')) }
  ),
  bind: fc.oneof(
    { weight: 8, arbitrary: fc.dictionary(oneOf(pointers), oneOf(from), { maxKeys: 2 }) },
    { weight: 1, arbitrary: fc.constant(manyBindings) }
  ),
  body: fc.oneof(
    oneOf(bodies),
    fc.constantFrom(100, 5000, 20_000).map(depth => ({ raw: '['.repeat(depth) + ']'.repeat(depth) }))
  ),
  body_encoding: fc.constantFrom('base64', 'text', 'hex', 'BASE64', '')
}

/** By member of a batch. */
const hostileEnvelope = {
  on_error: fc.constantFrom('stop', 'STOP', 'ignore', '', '__proto__'),
  atomic: fc.constantFrom(true, false, 'true', 1),
  timeout_ms: fc.constantFrom(1, 2, 5, 0, -1, 1.5, 2 ** 31, 1e300, '5'),
  batch: fc.oneof(fc.array(fc.jsonValue()), fc.constantFrom(0, 1, 21, 1000).map(length => Array(length).fill({ method: 'get', url: '/echo/x' })))
}
const keys = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'simulate', 'remoteAddress', 'server', 'payload', 'Url'), text)

/** One change to a batch: of a member of an item or of the batch itself, by what it should not be or by any JSON. */
const change = fc.record({
  at: fc.option(fc.nat(maxRequests - 1), { freq: 6, nil: undefined }),
  member: fc.oneof(
    { weight: 12, arbitrary: members(hostileMembers) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(hostileMembers)), fc.jsonValue()) },
    { weight: 1, arbitrary: fc.tuple(keys, fc.jsonValue()) }),
  envelope: fc.oneof(
    { weight: 4, arbitrary: members(hostileEnvelope) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(hostileEnvelope)), fc.jsonValue()) },
    { weight: 1, arbitrary: fc.tuple(keys, fc.jsonValue()) })
})

function members (arbitraries) {
  return fc.oneof(...Object.entries(arbitraries).map(([name, value]) => fc.tuple(fc.constant(name), value)))
}

const changedBatch = fc.tuple(goodBatch, fc.array(change, { maxLength: 3 })).map(([batch, changes]) => {
  const changed = { ...batch, batch: batch.batch.map(item => ({ ...item })) }
  for (const { at, member, envelope } of changes) {
    const isItem = at !== undefined && Array.isArray(changed.batch) && changed.batch.length > 0
    const target = isItem ? changed.batch[at % changed.batch.length] : changed
    const [name, value] = isItem ? member : envelope
    // Assigned, `__proto__` would be no member.
    if (typeof target !== 'object' || target === null) continue
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true })
  }
  return toJson(changed)
})

/** JSON.stringify knows no values that are nested very deeply. */
function toJson (batch) {
  const raw = []
  const json = JSON.stringify(batch, (_key, value) => typeof value?.raw === 'string' ? `raw ${raw.push(value.raw) - 1} raw` : value)
  return json.replace(/"raw (\d+) raw"/g, (_text, index) => raw[index] ?? '0')
}

/** A text with something of it cut out, or something put in. */
const damaged = fc.tuple(changedBatch, fc.nat(), fc.nat(20), fc.oneof(text, fc.constantFrom('"', ',', '{', '[', '\0', '\\u', '1e', '"__proto__":1,')))
  .map(([json, at, length, put]) => {
    const place = at % (json.length + 1)
    return json.slice(0, place) + put + json.slice(place + length)
  })

const hostileBody = fc.oneof(
  { weight: 14, arbitrary: changedBatch },
  { weight: 2, arbitrary: damaged },
  { weight: 2, arbitrary: fc.json() },
  { weight: 1, arbitrary: text }
)
const hostileHeaders = fc.oneof(
  { weight: 20, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.constant({ accept: 'application/x-ndjson' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      'content-type': fc.constantFrom('application/json;charset=utf-8', 'application/json; charset=utf-16', 'text/plain', 'text/plain; application/json',
        'application/json, text/plain', 'multipart/form-data; boundary=x', 'application/jsonp', ';', 'APPLICATION/JSON'),
      accept: fc.constantFrom('application/x-ndjson;q=0', '*/*', ';;q=', 'application/x-ndjson, '.repeat(200)),
      prefer: fc.constantFrom('respond-async', 'respond-async, wait=0', '=;'),
      cookie: fc.constant('__proto__=1'),
      'content-encoding': fc.constantFrom('gzip', 'x'),
      'accept-version': fc.constant('9.x')
    }, { requiredKeys: [] })
  }
)

const prototypes = [Object.prototype, Array.prototype, Function.prototype, String.prototype]
const own = () => prototypes.map(prototype => Reflect.ownKeys(prototype).length).join()

/** Batches that are wrong, or whose handlers are: what every one of them must be answered with, and must not do. */
export async function hostile ({ runs, seed, show }) {
  const { servers, close } = await startServers({ subrequestTimeout: 500 })
  const untouched = own()
  const statuses = {}
  const server = fc.integer({ min: 0, max: servers.length - 1 })
  const property = fc.asyncProperty(server, hostileBody, hostileHeaders, async (to, body, headers) => {
    const { name, inProcess, send } = servers[to]
    show({ server: name, headers, body })
    seen.forget()
    const response = await send(body, headers)
    statuses[response.status] = (statuses[response.status] ?? 0) + 1
    assert.equal(response.headers['cache-control'], 'no-store')
    assert.equal(own(), untouched, 'a prototype was changed')
    assert.equal(response.headers['x-finding'], undefined)
    if (response.status !== 200) {
      // 503 is not among them: the batch before has to have given its places back.
      assert.ok([400, 413, 415].includes(response.status), `${response.status} ${response.body}`)
      const { statusCode, code, message } = JSON.parse(response.body)
      assert.equal(statusCode, response.status)
      assert.match(code, /^FST_/)
      assert.ok(message.length < 400, message)
      assert.equal(seen.started, 0, 'a batch that was refused ran something')
      return
    }
    const items = JSON.parse(body).batch
    const { batch, summary } = readAnswers(response)
    assert.equal(batch.length, items.length)
    assert.equal(summary.total, items.length)
    for (const [index, answer] of batch.entries()) checkAnswer(answer, items[index], { index, inProcess })
    assert.equal(seen.settled, seen.started, 'something was in flight after its answer')
  })
  try {
    await fc.assert(property, { numRuns: runs, seed })
    await expectAllPlaces(servers)
  } finally {
    await close()
  }
  return { batches: runs, ...statuses }
}

function checkAnswer ({ id, status_code: status, headers, outcome }, item, { index, inProcess }) {
  const place = `batch/${index}`
  assert.equal(id, item.id, place)
  // Above 599 is what the app has answered, and would have answered directly.
  assert.ok(Number.isInteger(status) && status >= 200 && status <= 999, `${place}: status ${status}`)
  assert.equal(headers['x-finding'], undefined, place)
  assert.ok([undefined, 'not_started', 'unknown'].includes(outcome), place)
  assert.equal(headers['set-cookie'], undefined, place)
  const starts = seen.events.filter(([event, at]) => event === 'start' && at === index).length
  const isStarted = outcome !== 'not_started'
  // Other executors may be asked, and say themselves that they have not started it.
  const isRight = starts === Number(isStarted) || (!inProcess && starts === 1)
  assert.ok(isRight, `${place}: started ${starts} times, ${outcome}`)
}
