// A marker takes rights away, and never gives any.
import t from 'tap'
import { latch, listen, request, sendBatch } from '../../helper.ts'
import { buildFront, buildUpstream, get, originOf } from './upstream.ts'

const inner = { batch: [get('/leaf')] }
const marker = { 'batch-subrequest': '?1' }

t.test('a batch route at the upstream is not nested, by whatever way it is reached', async t => {
  const upstream = buildUpstream(t)
  let leaves = 0
  upstream.get('/leaf', async () => { leaves++ })
  upstream.get('/indirect', async () => {
    await new Promise(setImmediate)
    return (await upstream.inject({ method: 'POST', url: '/batch', payload: inner })).payload
  })
  const front = await buildFront(t, await originOf(upstream))
  for (const item of [
    { method: 'post', url: '/batch', body: inner }, { method: 'post', url: '/b%61tch', body: inner }, get('/indirect'), get('/indirect')
  ]) {
    const { batch: [answer] } = await sendBatch(front, [item])
    t.match(answer, { body: /FST_BATCH_NESTED/ }, item.url)
  }
  t.equal(leaves, 0)
  t.equal((await sendBatch(upstream, inner.batch)).batch[0]!.status_code, 200, 'others may')
  t.equal((await upstream.inject({ method: 'POST', url: '/batch', payload: inner })).statusCode, 200, 'so may what is injected')
  t.equal(leaves, 2)
})

t.test('who sends a marker on his own gets less, at the upstream and at the batch route', async t => {
  const upstream = buildUpstream(t)
  upstream.get('/leaf', async ({ batch }) => ({ batch }))
  upstream.get('/closed', { config: { batch: false } }, async () => 'closed')
  const front = await buildFront(t, await originOf(upstream))
  for (const value of ['?1', '', 'x', 'a.b', 'a.b.c', '?0']) {
    const headers = { 'batch-subrequest': value }
    t.strictSame(JSON.parse((await request(upstream, { path: '/leaf', headers })).body.toString()), { batch: null }, value)
    t.match(JSON.parse((await request(upstream, { path: '/closed', headers })).body.toString()), { code: 'FST_BATCH_ROUTE_NOT_ALLOWED' })
    t.equal((await request(upstream, { path: '/nowhere', headers })).status, 404)
    for (const app of [upstream, front]) t.match((await sendBatch(app, inner.batch, { headers })).json, { code: 'FST_BATCH_NESTED' })
  }
  t.equal((await request(upstream, { path: '/closed' })).status, 200)
})

t.test('a marked request does not keep others from sending batches, however long it takes', async t => {
  const upstream = buildUpstream(t)
  const started = latch()
  upstream.get('/wait', () => { started.open() })
  upstream.get('/leaf', async () => 'leaf')
  await listen(upstream)
  request(upstream, { path: '/wait', headers: marker }).catch(() => {})
  await started.promise
  t.equal((await upstream.inject({ method: 'POST', url: '/batch', payload: inner })).statusCode, 200)
})

t.test('requests after a marked one, on the same connection, are what they are', async t => {
  const upstream = buildUpstream(t)
  upstream.get('/leaf', async () => 'leaf')
  upstream.get('/indirect', async () => (await upstream.inject({ method: 'POST', url: '/batch', payload: inner })).statusCode)
  await listen(upstream)
  const { Agent } = await import('node:http')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => { agent.destroy() })
  for (const [headers, status] of [[marker, '400'], [{}, '200'], [marker, '400'], [{}, '200']] as const) {
    t.equal((await request(upstream, { path: '/indirect', headers, agent })).body.toString(), status)
  }
})
