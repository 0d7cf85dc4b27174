// CVE-2022-24112 and its kin: a header of an item that a proxy or the app would trust.
import Fastify from 'fastify'
import batch, { sequential } from '../../lib/index.ts'
import { build, listen, parseContext, sendBatch, testEach } from '../helper.ts'

const names = [
  'x-forwarded-for', 'X-FORWARDED-FOR', 'X-Forwarded-For', 'x-Forwarded-for', 'x-forwarded-host', 'X-Forwarded-Proto',
  'x-real-ip', 'X-REAL-IP', 'X-Real-Ip', 'forwarded', 'Forwarded', 'host', 'Host', 'HOST', 'true-client-ip', 'CF-Connecting-IP',
  'x-client-ip', 'via', 'x-original-url', 'X-Original-Forwarded-For', 'x-envoy-external-address', 'x-remote-user', 'X-SSL-Client-Verify'
]

testEach('an item cannot say who is calling', async (t, dispatch) => {
  for (const trustProxy of [false, true, 'loopback', (address: string) => address === '127.0.0.1']) {
    const app = build(t, { executor: sequential({ dispatch }) }, { trustProxy })
    let runs = 0
    app.get('/', async () => { runs++ })
    await listen(app)
    for (const name of names) {
      const { status, json } = await sendBatch(app, [{ method: 'get', url: '/', headers: { [name]: '127.0.0.1' } }])
      t.equal(status, 400)
      t.match(json, { code: 'FST_BATCH_PROTECTED_HEADER', message: `batch/0/headers/${name.toLowerCase()}:` })
    }
    t.equal(runs, 0)
    t.equal((await sendBatch(app, [{ method: 'get', url: '/' }])).status, 200)
  }
})

testEach('a route for loopback callers alone stays closed to others', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/internal', {
    onRequest: async (request, reply) => {
      if (request.ip !== '127.0.0.1') return reply.code(403).send('loopback only')
    }
  }, async () => 'internal')
  await listen(app)
  const items = [{ method: 'get', url: '/internal' }]
  t.equal((await sendBatch(app, items, { localAddress: '127.0.0.9' })).batch[0]!.status_code, 403)
  t.equal((await sendBatch(app, items)).batch[0]!.status_code, 200)
})

testEach('the same for a hook that is older than the plugin', async (t, dispatch) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', async (request, reply) => {
    if (request.url === '/internal' && request.ip !== '127.0.0.1') return reply.code(403).send('loopback only')
  })
  app.register(batch, { executor: sequential({ dispatch }) })
  app.get('/internal', async () => 'internal')
  await listen(app)
  const items = [{ method: 'get', url: '/internal' }]
  t.equal((await sendBatch(app, items, { localAddress: '127.0.0.9' })).batch[0]!.status_code, 403)
})

testEach('the headers that a browser alone may set cannot be set: they defend against forged requests', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.post('/transfer', {
    onRequest: async (request, reply) => {
      const { origin, 'sec-fetch-site': site } = request.headers
      if (origin !== 'https://bank.example' || site !== 'same-origin') return reply.code(403).send('forged')
    }
  }, async () => 'transferred')
  await listen(app)
  const transfer = { method: 'post', url: '/transfer' }
  const evil = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', referer: 'https://evil.example/' }

  t.equal((await sendBatch(app, [transfer], { headers: evil })).batch[0]!.status_code, 403)
  for (const [name, value] of Object.entries({
    Origin: 'https://bank.example', 'Sec-Fetch-Site': 'same-origin', 'sec-fetch-mode': 'cors', Referer: 'https://bank.example/', Cookie: 'session=1'
  })) {
    t.equal((await sendBatch(app, [{ ...transfer, headers: { [name]: value } }], { headers: evil })).status, 400, name)
  }
  const own = { origin: 'https://bank.example', 'sec-fetch-site': 'same-origin' }
  t.equal((await sendBatch(app, [transfer], { headers: own })).batch[0]!.body, 'transferred')
})

testEach('method overrides cannot be set', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.all('/', async request => request.headers)
  await listen(app)
  for (const name of ['x-http-method-override', 'X-HTTP-Method', 'X-Method-Override']) {
    t.equal((await sendBatch(app, [{ method: 'get', url: '/', headers: { [name]: 'DELETE' } }])).status, 400, name)
  }
})

testEach('an absolute url reaches no other host, and does not change the name of this one', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const hosts: string[] = []
  app.all('/*', async request => { hosts.push(request.host) })
  await listen(app)
  for (const url of ['http://evil.example/x', '//evil.example/x', '\\\\evil.example\\x', '/\\evil.example/x', 'file:///x', 'data:,x', 'javascript:x']) {
    t.equal((await sendBatch(app, [{ method: 'get', url }])).status, 400, url)
  }
  t.strictSame(hosts, [])
  await sendBatch(app, [{ method: 'get', url: '/x' }], { headers: { host: 'own.example' } })
  t.strictSame(hosts, ['own.example'])
})

testEach('request.batch cannot be set by a client', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.all('/', async request => request.batch)
  await listen(app)
  const { batch: [answer] } = await sendBatch(app, [{
    method: 'post', url: '/', headers: { batch: '{}', 'x-batch': '{}' }, body: { batch: { index: 9 } }
  }])
  t.strictSame(parseContext(answer!.body), { requestId: 'req-1', index: 0, size: 1, deadline: 'number' })
})
