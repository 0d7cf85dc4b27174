import t from 'tap'
import { sequential, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, listen, sendBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

/** An app whose route `/set/**` sets the cookies that the header `x-set` names, separated by a bar. */
function buildCookies (t: Teardown, dispatch: Dispatch, options: BatchOptions = {}) {
  const app = build(t, { executor: sequential({ dispatch }), ...options })
  app.get('/*', async (request, reply) => {
    for (const cookie of (request.headers['x-set'] as string | undefined)?.split('|') ?? []) reply.header('set-cookie', cookie)
    return 'x'
  })
  return app
}

function set (url: string, ...cookies: string[]) {
  return { method: 'get', url, headers: { 'x-set': cookies.join('|') } }
}

async function forwarded (app: ReturnType<typeof build>, ...items: ReturnType<typeof set>[]) {
  const { headers, batch } = await injectBatch(app, items)
  for (const answer of batch) t.notOk('set-cookie' in answer.headers)
  return headers['set-cookie'] === undefined ? [] : [headers['set-cookie']].flat()
}

testEach('cookies move to the answer of the batch, with all they say', async (t, dispatch) => {
  const app = buildCookies(t, dispatch)
  const cookie = 'session=a%20b; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=60; Expires=Wed, 21 Oct 2065 07:28:00 GMT'
  t.strictSame(await forwarded(app, set('/a', cookie)), [cookie])
})

testEach('a cookie without a path gets the default path of its item', async (t, dispatch) => {
  const app = buildCookies(t, dispatch)
  for (const [url, path] of [
    ['/', '/'], ['/a', '/'], ['/a/', '/a'], ['/a/b', '/a'], ['/a/b/c?d=/e/f', '/a/b'], ['/a//b', '/a/'], ['/a;v=1/b', '/'], ['/a/b;v=1', '/a']
  ] as const) {
    t.strictSame(await forwarded(app, set(url, 'a=1')), [`a=1; Path=${path}`], url)
  }
  t.strictSame(await forwarded(app, set('/a/b', 'a=1; Path=', 'b=1; Path=relative')), [
    'a=1; Path=; Path=/a', 'b=1; Path=relative; Path=/a'
  ], 'nor is this a path')
})

testEach('of the same name, domain and path the last item wins', async (t, dispatch) => {
  const app = buildCookies(t, dispatch)
  t.strictSame(await forwarded(app,
    set('/a/b', 'a=1', 'b=1; Path=/', 'c=1; Domain=example.com; Path=/'),
    set('/a/c', 'a=2'),
    set('/x', 'b=2', 'a=3', 'c=2; domain=.Example.com; path=/')
  ), ['a=2; Path=/a', 'b=2; Path=/', 'a=3; Path=/', 'c=2; domain=.Example.com; path=/'])
})

testEach('a cookie that cannot be read is passed on as it is', async (t, dispatch) => {
  const app = buildCookies(t, dispatch)
  t.strictSame(await forwarded(app, set('/', '=', 'toString=1', 'novalue')), ['=', 'toString=1', 'novalue; Path=/'])
})

testEach('cookies that the batch route sets itself stay', async (t, dispatch) => {
  const app = buildCookies(t, dispatch, { route: { onRequest: async (_request, reply) => { reply.header('set-cookie', 'own=1') } } })
  t.strictSame(await forwarded(app, set('/', 'a=1')), ['own=1', 'a=1; Path=/'])
})

testEach('a browser gets them as separate headers', async (t, dispatch) => {
  const app = await listen(buildCookies(t, dispatch))
  const { rawHeaders } = await sendBatch(app, [set('/', 'a=1', 'b=2'), set('/', 'c=3')])
  const values = rawHeaders.filter((_value, index) => rawHeaders[index - 1]?.toLowerCase() === 'set-cookie')
  t.strictSame(values, ['a=1; Path=/', 'b=2; Path=/', 'c=3; Path=/'])
})

testEach('an item that did not complete sets none', async (t, dispatch) => {
  const app = buildCookies(t, dispatch, { subrequestTimeout: 50, maxResponseBytes: 200 })
  app.get('/never', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'set-cookie': 'late=1' })
    reply.raw.write('x')
  })
  app.get('/large', async (_request, reply) => reply.header('set-cookie', 'large=1').send('x'.repeat(201)))
  const { headers, batch } = await injectBatch(app, [
    { method: 'get', url: '/never' }, { method: 'get', url: '/large' }, set('/', 'a=1')
  ])
  t.strictSame(batch.map(answer => answer.status_code), [504, 502, 200])
  t.strictSame(headers['set-cookie'], ['a=1; Path=/'])
})

testEach('expose leaves them in the answers of the items', async (t, dispatch) => {
  const app = buildCookies(t, dispatch, { setCookie: 'expose' })
  const { headers, batch } = await injectBatch(app, [set('/', 'a=1', 'b=2'), set('/', 'c=3')])
  t.notOk('set-cookie' in headers)
  t.strictSame(batch.map(answer => answer.headers['set-cookie']), [['a=1', 'b=2'], 'c=3'])
})

testEach('drop removes them', async (t, dispatch) => {
  const app = buildCookies(t, dispatch, { setCookie: 'drop' })
  const { headers, batch } = await injectBatch(app, [set('/', 'a=1')])
  t.notOk('set-cookie' in headers)
  t.notOk('set-cookie' in batch[0]!.headers)
})
