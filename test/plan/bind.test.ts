import t from 'tap'
import { concurrent, type BatchItem, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, type Teardown } from '../helper.ts'

const get = (url: string, more: Partial<BatchItem> = {}): BatchItem => ({ method: 'get', url, ...more })
const post = (body: unknown, more: Partial<BatchItem> = {}): BatchItem => ({ method: 'post', url: '/echo', body, ...more })

/** An app with answers to take values from, and routes that answer with what they were sent. */
function buildEcho (t: Teardown, options: BatchOptions = {}) {
  const app = build(t, options)
  const seen: unknown[] = []
  app.post('/value', async request => request.body)
  app.get('/headers', async (_request, reply) => reply.headers({ etag: '"abc"', 'x-twice': ['1', '2'], 'x-number': 5 })
    .header('set-cookie', 'session=secret; HttpOnly').send('text'))
  app.get('/bytes', async () => Buffer.from([0xff, 0xfe]))
  app.get('/broken', async (_request, reply) => reply.type('application/json').send('{"a":'))
  app.get('/problem', async (_request, reply) => reply.type('application/problem+json').send('{"a":1}'))
  app.all('/echo', async request => {
    seen.push(request.body)
    return { url: request.url, headers: request.headers, body: request.body }
  })
  app.get('/users/:id', async request => ({ id: (request.params as { id: string }).id, query: request.query }))
  return { app, seen }
}

/** An item that is answered with `value`, called `a`. */
const source = (value: unknown): BatchItem => ({ method: 'post', url: '/value', id: 'a', body: JSON.stringify(value) })

t.test('values go into urls, headers and bodies', async t => {
  const { app } = buildEcho(t)
  const { batch } = await injectBatch(app, [
    source({ id: 7, name: 'Ada', tags: ['x', { y: true }] }),
    get('/users/{id}?name={name}&again={name}', { bind: { '/url/id': 'a/body/id', '/url/name': 'a/body/name' } }),
    get('/echo', { bind: { '/headers/If-Match': 'b/headers/etag', '/headers/x-id': 'a/body/id', '/headers/x-status': 'a/status_code' } }),
    post({ author: null, list: [1, 2] }, {
      bind: { '/body/author': 'a/body', '/body/list/0': 'a/body/tags/1/y', '/body/list/-': 'a/body/tags/0', '/body/new': 'b/body' }
    }),
    get('/headers', { id: 'b' })
  ])
  t.strictSame(JSON.parse(batch[1]!.body), { id: '7', query: { name: 'Ada', again: 'Ada' } })
  t.match(JSON.parse(batch[2]!.body).headers, { 'if-match': '"abc"', 'x-id': '7', 'x-status': '200' })
  t.strictSame(JSON.parse(batch[3]!.body).body, {
    author: { id: 7, name: 'Ada', tags: ['x', { y: true }] }, list: [true, 2, 'x'], new: 'text'
  })
})

t.test('a whole body, and one that is an encoded string, can be bound into', async t => {
  const { app } = buildEcho(t)
  const { batch } = await injectBatch(app, [
    source({ a: 'é', 'b/c~d': 0 }),
    { method: 'post', url: '/echo', bind: { '/body': 'a/body' } },
    { method: 'post', url: '/echo', bind: { '/body': 'a/body/a' } },
    post('{"x": {"y~/z": 1}}', { bind: { '/body/x/y~0~1z': 'a/body/b~1c~0d' } })
  ])
  t.strictSame(batch.slice(1).map(answer => JSON.parse(answer.body).body), [{ a: 'é', 'b/c~d': 0 }, 'é', { x: { 'y~/z': 0 } }])
})

t.test('values keep their JSON type in a body', async t => {
  const { app } = buildEcho(t)
  for (const value of [0, -1.5, '', '0', true, false, null, [], {}, [null], { '': '' }]) {
    const { batch } = await injectBatch(app, [source({ value }), post({ x: 1 }, { bind: { '/body/x': 'a/body/value' } })])
    t.strictSame(JSON.parse(batch[1]!.body).body, { x: value })
  }
})

t.test('in a url all but unreserved characters are encoded', async t => {
  const { app } = buildEcho(t)
  for (const value of ['a/b', '../x', 'a?b#c', '%2e', '{id}', '$&$1$`', 'ü€😀', 'a b', "!'()*", 'A-z_0.~', '..x']) {
    const { batch } = await injectBatch(app, [source(value), get('/users/{id}', { bind: { '/url/id': 'a/body' } })])
    t.equal(JSON.parse(batch[1]!.body).id, value)
  }
  const { batch } = await injectBatch(app, [source("!'()*/"), get('/echo?{x}', { bind: { '/url/x': 'a/body' } })])
  t.equal(JSON.parse(batch[1]!.body).url, '/echo?%21%27%28%29%2A%2F')
  const { batch: [, two] } = await injectBatch(app, [source([1, false]), get('/users/{a}-{b}?x', {
    bind: { '/url/a': 'a/body/0', '/url/b': 'a/body/1' }
  })])
  t.equal(JSON.parse(two!.body).id, '1-false')
})

t.test('a value that cannot stand in a url or a header makes its item 400', async t => {
  const { app, seen } = buildEcho(t)
  const url = get('/users/{x}', { bind: { '/url/x': 'a/body' } })
  const header = get('/echo', { bind: { '/headers/x-y': 'a/body' } })
  const cases: ReadonlyArray<[value: unknown, item: BatchItem, message: string]> = [
    ['', url, 'batch/1/url: a segment of the path is empty or only dots'],
    ['.', url, 'batch/1/url: a segment of the path is empty or only dots'],
    ['..', url, 'batch/1/url: a segment of the path is empty or only dots'],
    ['...', url, 'batch/1/url: a segment of the path is empty or only dots'],
    ['.', get('/users/.{x}', { bind: url.bind! }), 'batch/1/url: a segment of the path is empty or only dots'],
    ['a\u0000b', url, 'batch/1/bind "/url/x": the value has a character that a url may not have'],
    ['a\nb', url, 'batch/1/bind "/url/x": the value has a character that a url may not have'],
    [['\ud800'], get('/users/{x}', { bind: { '/url/x': 'a/body/0' } }), 'batch/1/bind "/url/x": the value has a character that a url may not have'],
    ['x'.repeat(9000), url, 'batch/1/url: longer than 8192 bytes'],
    [null, url, 'batch/1/bind "/url/x": the value is null, which cannot stand there'],
    [{}, url, 'batch/1/bind "/url/x": the value is an object, which cannot stand there'],
    [[], header, 'batch/1/bind "/headers/x-y": the value is an array, which cannot stand there'],
    ['a\r\nb: c', header, 'batch/1/headers/x-y: has a character that a header may not have'],
    ['é', header, 'batch/1/headers/x-y: has a character that a header may not have'],
    ['x'.repeat(17_000), header, 'batch/1/headers: longer than 16384 bytes']
  ]
  for (const [value, item, message] of cases) {
    const { batch: [, answer] } = await injectBatch(app, [source(value), item])
    t.match(answer, { status_code: 400, outcome: 'not_started' }, message)
    t.equal(JSON.parse(answer!.body).message, message)
  }
  t.strictSame(seen, [])
  const { batch } = await injectBatch(app, [source(''), get('/echo?x={x}', { bind: { '/url/x': 'a/body' } })])
  t.equal(JSON.parse(batch[1]!.body).url, '/echo?x=', 'an empty value is one in a query')
})

t.test('a value that is not there makes its item 424', async t => {
  const { app, seen } = buildEcho(t)
  const missing = [
    'a/body/nothing', 'a/body/list/2', 'a/body/list/length', 'a/body/list/-', 'a/body/list/00', 'a/body/text/0', 'a/body/text/length',
    'a/body/none/x', 'a/body/toString', 'a/body/constructor/prototype', 'a/body/__proto__', 'a/headers/nothing', 'a/headers/toString',
    'h/headers/set-cookie', 'h/headers/Etag', 'h/body/0', 'bytes/body', 'broken/body/a'
  ]
  for (const from of missing) {
    const { batch } = await injectBatch(app, [
      source({ list: [1, 2], text: 'text', none: null }), get('/headers', { id: 'h' }), get('/bytes', { id: 'bytes' }),
      get('/broken', { id: 'broken' }), post({ x: 1 }, { bind: { '/body/x': from } })
    ])
    t.match(batch[4], { status_code: 424, outcome: 'not_started' }, from)
    t.match(JSON.parse(batch[4]!.body), { code: 'FST_BATCH_MISSING_VALUE', message: `batch/4/bind "/body/x": there is no ${from}` })
  }
  t.strictSame(seen, [])
})

t.test('what bodies and headers are to a binding', async t => {
  const { app } = buildEcho(t)
  const { batch } = await injectBatch(app, [
    get('/headers', { id: 'h' }), get('/broken', { id: 'broken' }), get('/problem', { id: 'p' }),
    post({ a: 0, b: 0, c: 0, d: 0, e: 0 }, {
      bind: {
        '/body/a': 'h/headers/x-twice', '/body/b': 'h/headers/x-twice/1', '/body/c': 'h/body', '/body/d': 'broken/body', '/body/e': 'p/body/a'
      }
    }),
    get('/echo', { bind: { '/headers/x': 'h/headers/x-twice' } })
  ])
  t.strictSame(JSON.parse(batch[3]!.body).body, { a: ['1', '2'], b: '2', c: 'text', d: '{"a":', e: 1 })
  t.match(JSON.parse(batch[4]!.body), { message: 'batch/4/bind "/headers/x": the value is an array, which cannot stand there' })
})

t.test('a cookie for servers alone is out of reach, unless answers show it', async t => {
  const { app } = buildEcho(t, { setCookie: 'expose' })
  const { batch } = await injectBatch(app, [get('/headers', { id: 'h' }), post({ x: 1 }, { bind: { '/body/x': 'h/headers/set-cookie' } })])
  t.strictSame(JSON.parse(batch[1]!.body).body, { x: 'session=secret; HttpOnly' })
})

t.test('a binding with responseBody json takes the same values', async t => {
  const { app } = buildEcho(t, { responseBody: 'json' })
  const { batch } = await injectBatch(app, [source({ id: 7 }), get('/users/{id}', { bind: { '/url/id': 'a/body/id' } })])
  t.strictSame(batch[1]!.body, { id: '7', query: {} })
})

t.test('a cookie without a path gets that of the url as it was sent', async t => {
  const { app } = buildEcho(t)
  app.get('/login/:id/now', async (_request, reply) => reply.header('set-cookie', 'a=b').send())
  const { headers } = await injectBatch(app, [source('x/y'), get('/login/{id}/now', { bind: { '/url/id': 'a/body' } })])
  t.strictSame(headers['set-cookie'], ['a=b; Path=/login/x%2Fy'])
})

t.test('a binding implies a dependency', async t => {
  const { app, seen } = buildEcho(t, { executor: concurrent() })
  const { batch } = await injectBatch(app, [
    post({ x: 1 }, { bind: { '/body/x': 'a/body' } }), get('/nowhere', { id: 'a' })
  ])
  t.match(JSON.parse(batch[0]!.body), { code: 'FST_BATCH_DEPENDENCY_FAILED' })
  t.strictSame(seen, [])
})

t.test('an item that cannot be filled in gives its turn back', async t => {
  const { app } = buildEcho(t, { executor: concurrent({ limit: 1 }) })
  const { batch } = await injectBatch(app, [source({}), post({ x: 1 }, { bind: { '/body/x': 'a/body/x' } }), get('/echo')])
  t.strictSame(batch.map(answer => answer.status_code), [200, 424, 200])
})

t.test('a body cannot grow beyond what a client can send', async t => {
  const app = build(t, { route: { bodyLimit: 1000 }, maxRequests: 20 })
  app.get('/large', async () => ({ text: 'x'.repeat(400) }))
  app.post('/', async request => JSON.stringify(request.body).length)
  const send = (count: number) => injectBatch(app, [get('/large', { id: 'a' }), {
    method: 'post', url: '/', body: { list: [] }, bind: { '/body/list/-': 'a/body', ...count > 1 ? { '/body/b': 'a/body' } : {}, ...count > 2 ? { '/body/c': 'a/body' } : {} }
  }])
  t.equal((await send(2)).batch[1]!.status_code, 200)
  const { batch } = await send(3)
  t.match(batch[1], { status_code: 400, outcome: 'not_started' })
  t.equal(JSON.parse(batch[1]!.body).message, 'batch/1/bind "/body/c": the body would be longer than 1000 bytes')
})

t.test('a body that is nested too deeply to be written makes its item 400', async t => {
  const { app, seen } = buildEcho(t)
  app.get('/deep', async (_request, reply) => reply.type('application/json').send(deep))
  const deep = '['.repeat(50_000) + ']'.repeat(50_000)
  const { batch } = await injectBatch(app, [
    source({ x: 1 }), get('/deep', { id: 'd' }),
    post(`{"x":0,"y":${deep}}`, { bind: { '/body/x': 'a/body/x' } }), post({ x: 0 }, { bind: { '/body/x': 'd/body' } })
  ])
  for (const index of [2, 3]) {
    t.match(batch[index], { status_code: 400, outcome: 'not_started' })
    t.equal(JSON.parse(batch[index]!.body).message, `batch/${index}/bind "/body/x": the body would be nested too deeply`)
  }
  t.strictSame(seen, [])
})

const wrong: ReadonlyArray<[what: string, item: Partial<BatchItem>, message: string]> = [
  ['a source without a pointer', { bind: { '/body/x': 'a' } }, 'batch/0/bind "/body/x": "a" is not an id and a JSON Pointer to body, headers or status_code'],
  ['a source of another kind', { bind: { '/body/x': 'a/url' } }, 'batch/0/bind "/body/x": "a/url" is not'],
  ['a source below the status', { bind: { '/body/x': 'a/status_code/0' } }, 'batch/0/bind "/body/x": "a/status_code/0" is not'],
  ['a source that is more than an id', { bind: { '/body/x': '!a/body' } }, 'batch/0/bind "/body/x": "!a/body" is not'],
  ['all headers', { bind: { '/body/x': 'a/bodyx' } }, 'batch/0/bind "/body/x": "a/bodyx" is not'],
  ['a broken escape', { bind: { '/body/x': 'a/body/~2' } }, 'batch/0/bind "/body/x": "a/body/~2" is not'],
  ['a broken escape in a target', { bind: { '/body/~': 'a/body' } }, 'batch/0/bind "/body/~": is not a JSON Pointer'],
  ['no pointer', { bind: { body: 'a/body' } }, 'batch/0/bind "body": is not a JSON Pointer'],
  ['another target', { bind: { '/method': 'a/body' } }, 'batch/0/bind "/method": is none of /url/NAME, /headers/NAME and /body…'],
  ['the whole url', { bind: { '/url': 'a/body' } }, 'batch/0/bind "/url": is none of'],
  ['a part of a header', { bind: { '/headers/x/0': 'a/body' } }, 'batch/0/bind "/headers/x/0": is none of'],
  ['the empty pointer', { bind: { '': 'a/body' } }, 'batch/0/bind "": is none of'],
  ['a url variable that is not there', { bind: { '/url/x': 'a/body' } }, 'batch/0/bind "/url/x": the url has no {x}'],
  ['a url variable with another name', { bind: { '/url/x-y': 'a/body' } }, 'batch/0/bind "/url/x-y": a variable is 1 to 64 letters, digits and underscores'],
  ['a header that the item sets', { headers: { 'X-Y': '1' }, bind: { '/headers/x-y': 'a/body' } }, 'batch/0/bind "/headers/x-y": the item sets this header itself'],
  ['a body that is not JSON', { body: 'x', bind: { '/body/x': 'a/body' } }, 'batch/0/bind "/body/x": the body is not JSON'],
  ['bytes', { body: 'eHg=', body_encoding: 'base64', bind: { '/body/x': 'a/body' } }, 'batch/0/bind "/body/x": the body is base64'],
  ['the whole of bytes', { body: 'eHg=', body_encoding: 'base64', bind: { '/body': 'a/body' } }, 'batch/0/bind "/body": the body is base64'],
  ['no body', { body: undefined, bind: { '/body/x': 'a/body' } }, 'batch/0/bind "/body/x": the body has no such place'],
  ['a place that is not there', { bind: { '/body/y/z': 'a/body' } }, 'batch/0/bind "/body/y/z": the body has no such place'],
  ['a place in a string', { body: { x: 'y' }, bind: { '/body/x/0': 'a/body' } }, 'batch/0/bind "/body/x/0": the body has no such place'],
  ['a place in null', { body: null, bind: { '/body/x': 'a/body' } }, 'batch/0/bind "/body/x": the body has no such place'],
  ['an element by another number', { body: [1, 2], bind: { '/body/01': 'a/body' } }, 'batch/0/bind "/body/01": the body has no such place'],
  ['an element that is not there', { body: [1], bind: { '/body/1': 'a/body' } }, 'batch/0/bind "/body/1": the body has no such place'],
  ['an element by a name', { body: [1], bind: { '/body/length': 'a/body' } }, 'batch/0/bind "/body/length": the body has no such place'],
  ['a prototype', { bind: { '/body/__proto__': 'a/body' } }, 'batch/0/bind "/body/__proto__": the body has no such place'],
  ['a member of a prototype', { bind: { '/body/__proto__/x': 'a/body' } }, 'batch/0/bind "/body/__proto__/x": the body has no such place'],
  ['one place twice', { bind: { '/headers/x-y': 'a/body', '/headers/X-Y': 'a/body' } }, 'batch/0/bind "/headers/X-Y": another binding has the same target'],
  ['a place in another', { bind: { '/body/x': 'a/body', '/body/x/y': 'a/body' }, body: { x: {} } }, 'batch/0/bind "/body/x/y": another binding has a target around this one'],
  ['a place in the whole', { bind: { '/body/x': 'a/body', '/body': 'a/body' } }, 'batch/0/bind "/body/x": another binding has a target around this one'],
  ['too many', { bind: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`/body/${i}`, 'a/body'])) }, 'batch/0/bind: more than 64 bindings']
]

t.test('a binding without a source or a place is refused, before anything runs', async t => {
  const { app, seen } = buildEcho(t)
  for (const [what, item, message] of wrong) {
    const { status, json } = await injectBatch(app, [post({ x: 1 }, item), get('/echo', { id: 'a' })])
    t.equal(status, 400, what)
    t.equal(json.code, 'FST_BATCH_INVALID_BINDING', what)
    t.ok(json.message.startsWith(message), `${what}: ${json.message}`)
  }
  t.strictSame(seen, [])
})

t.test('64 bindings are not too many', async t => {
  const { app } = buildEcho(t)
  const places = Array.from({ length: 64 }, (_, i) => [`/body/${i}`, 'a/body'])
  const { batch } = await injectBatch(app, [source(1), post({}, { bind: Object.fromEntries(places) })])
  t.equal(Object.keys(JSON.parse(batch[1]!.body).body).length, 64)
})

t.test('the rules for items hold for what is bound', async t => {
  const { app, seen } = buildEcho(t)
  const a = get('/echo', { id: 'a' })
  const cases: ReadonlyArray<[item: BatchItem, code: string, message: string]> = [
    [get('/echo', { bind: { '/headers/cookie': 'a/body' } }), 'PROTECTED_HEADER', 'batch/0/headers/cookie: is taken from the batch request, an item may not set it'],
    [get('/echo', { bind: { '/headers/Host': 'a/body' } }), 'PROTECTED_HEADER', 'batch/0/headers/host'],
    [get('/echo', { bind: { '/headers/a b': 'a/body' } }), 'INVALID_HEADER', 'batch/0/headers/a b: is not a header name'],
    [get('/echo', { bind: { '/headers/__proto__': 'a/body' } }), 'INVALID_HEADER', 'batch/0/headers/__proto__: is not a header name'],
    [get('/{x}/{y}', { bind: { '/url/x': 'a/body' } }), 'INVALID_URL', 'batch/0/url: has a character that a url may not have, U+007B'],
    [get('{x}', { bind: { '/url/x': 'a/body' } }), 'INVALID_URL', 'batch/0/url: does not begin with exactly one "/"'],
    [get('/{x}'), 'INVALID_URL', 'batch/0/url: has a character that a url may not have, U+007B'],
    [get('/echo', { bind: { '/headers/x': 1 as unknown as string } }), 'INVALID_BATCH', 'batch/0/bind/~1headers~1x: expected string'],
    [get('/echo', { bind: { '/headers/x': 'b/body' } }), 'INVALID_DEPENDENCY', 'batch/0/bind "/headers/x": there is no item with the id "b"']
  ]
  for (const [item, code, message] of cases) {
    const { status, json } = await injectBatch(app, [item, a])
    t.equal(status, 400)
    t.equal(json.code, `FST_BATCH_${code}`)
    t.ok(json.message.startsWith(message), json.message)
  }
  t.strictSame(seen, [])
})
