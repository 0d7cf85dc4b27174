// What must never take the process down: each row is sent over a real socket, and the next good batch is answered.
import { concurrent, sequential } from '../../lib/index.ts'
import { build, listen, request, sendBatch, testEach } from '../helper.ts'

const fine = { method: 'get', url: '/fine' }

const hostile: ReadonlyArray<readonly [name: string, item: unknown]> = [
  ...['FOO', 'gEt\n', '', 1, [], null, {}].map(method => [`method ${JSON.stringify(method)}`, { method, url: '/fine' }] as const),
  ...[[], {}, null, 5, '', 'http://[', ['/fine'], '/\ud800'].map(url => [`url ${JSON.stringify(url)}`, { method: 'get', url }] as const),
  ...[[], 'a', null, { a: 1 }, { '': 'x' }, { a: 'b\r\nc' }].map(headers => [`headers ${JSON.stringify(headers)}`, { ...fine, headers }] as const),
  ['no method', { url: '/fine' }],
  ['no url', { method: 'get' }],
  ['no object', 'fine'],
  ['an id that is not known yet', { ...fine, id: {} }]
]

for (const make of [sequential, concurrent]) {
  testEach(`bad items are 400, wherever they stand: ${make.name}`, async (t, dispatch) => {
    const app = build(t, { executor: make({ dispatch }) })
    let runs = 0
    app.get('/fine', async () => { runs++ })
    await listen(app)
    for (const [name, item] of hostile) {
      for (const items of [[item], [item, fine], [fine, item]]) {
        t.equal((await sendBatch(app, items)).status, 400, name)
      }
    }
    t.equal(runs, 0)
    t.equal((await sendBatch(app, [fine])).batch[0]!.status_code, 200)
  })
}

testEach('50 000 items are refused before a look at the first', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  await listen(app)
  for (const items of [Array(21).fill(0), Array(1001).fill({ method: 'get' }), Array(50_000).fill(null)]) {
    t.match((await sendBatch(app, items)).json, { code: 'FST_BATCH_TOO_MANY_REQUESTS' })
  }
})

testEach('a path of a megabyte is refused, and not repeated', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  await listen(app)
  const { status, body } = await sendBatch(app, [{ method: 'get', url: `/${'x'.repeat(1_000_000)}` }])
  t.equal(status, 400)
  t.ok(body.length < 1024)
})

testEach('a body over the limit of the batch route is 413', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), route: { bodyLimit: 1000 } })
  await listen(app)
  t.equal((await sendBatch(app, [{ ...fine, method: 'post', body: 'x'.repeat(1000) }])).status, 413)
})

testEach('prototypes are out of reach', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.post('/', async request => request.body)
  await listen(app)
  for (const body of [
    '{"batch":[{"method":"post","url":"/","body":{"__proto__":{"polluted":1}}}]}',
    '{"batch":[{"method":"post","url":"/","__proto__":{"polluted":1}}]}',
    '{"batch":[{"method":"post","url":"/","headers":{"__proto__":{"polluted":1}}}]}',
    '{"__proto__":{"polluted":1},"batch":[]}',
    '{"batch":[{"method":"post","url":"/","body":{"constructor":{"prototype":{"polluted":1}}}}]}'
  ]) {
    const response = await request(app, { method: 'POST', path: '/batch', headers: { 'content-type': 'application/json' }, body })
    t.equal(response.status, 400, body)
  }
  const encoded = await sendBatch(app, [{ method: 'post', url: '/', body: '{"__proto__":{"polluted":1}}' }])
  t.equal(encoded.batch[0]!.status_code, 400, 'in a string the app decides')
  t.equal(({} as { polluted?: number }).polluted, undefined)
})

testEach('an answer that is nested very deeply is passed on', async (t, dispatch) => {
  for (const responseBody of ['string', 'json'] as const) {
    const app = build(t, { executor: sequential({ dispatch }), responseBody })
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    app.get('/', async (_request, reply) => reply.type('application/json').send(deep))
    await listen(app)
    const response = await request(app, {
      method: 'POST', path: '/batch', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ batch: [{ method: 'get', url: '/' }] })
    })
    t.equal(response.status, 200)
    t.ok(response.body.includes(deep))
  }
})

testEach('framing that is wrong in an item has no effect', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.post('/', async request => [request.headers['content-length'], request.headers['transfer-encoding'], request.body])
  await listen(app)
  for (const headers of [
    { 'content-length': '0' }, { 'content-length': 'abc' }, { 'content-length': '1000000000' }, { 'content-length': '3' },
    { 'transfer-encoding': 'chunked' }, { connection: 'upgrade', upgrade: 'websocket' }, { expect: '100-continue' }, { 'Content-Length': '-1' }
  ]) {
    const { batch: [answer] } = await sendBatch(app, [{ method: 'post', url: '/', headers, body: { a: 1 } }])
    t.strictSame(JSON.parse(answer!.body), ['7', null, { a: 1 }], JSON.stringify(headers))
  }
})

testEach('TRACE and CONNECT get what the app has for them, QUERY only where the app supports it', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async () => 'x')
  await listen(app)
  const statuses = (await sendBatch(app, [{ method: 'TRACE', url: '/' }, { method: 'CONNECT', url: '/' }])).batch.map(answer => answer.status_code)
  t.strictSame(statuses, [404, 404])
  const supported = app.supportedMethods.includes('QUERY')
  t.equal((await sendBatch(app, [{ method: 'QUERY', url: '/' }])).status, supported ? 200 : 400)
})
