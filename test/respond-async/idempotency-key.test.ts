// A client that does not know whether its batch arrived can send it again.
import { buildApi, get, lookInto, startOnly } from '../executors/bullmq/queue.ts'
import { follow, location, startWaiting, submit } from './stored.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('what is sent again is not run again, by whichever process it comes', async t => {
    const own = { connection, queue: 'again' }
    const [one, two] = [1, 2].map(() => buildApi(t, own, { respondAsync: {} }))
    const worker = await startWaiting(t, own)
    const headers = { 'idempotency-key': '"8e03978e"' }
    const items = [{ method: 'post', url: '/wait/a' }]
    const urls = await Promise.all([one, two, one, two].map(api => location(api!, items, { headers })))
    t.equal(new Set(urls).size, 1)
    await worker.reached('a')
    t.match((await submit(one!, items, { headers })).json(), { done: 0, items: [{ state: 'running' }] })
    worker.go('a')
    await follow(two!, urls[0]!)
    const { headers: answered, statusCode, body } = await submit(one!, items, { headers })
    t.match([statusCode, answered.location], [202, urls[0]])
    t.match(JSON.parse(body), { total: 1, done: 1, items: [{ state: 'done', status_code: 200 }] })
    t.strictSame(worker.urls, ['/wait/a'])
  })

  t.test('a key is for one batch', async t => {
    const own = { connection, queue: 'reused' }
    const api = buildApi(t, own, { respondAsync: {} })
    await startWaiting(t, own)
    const headers = { 'idempotency-key': 'k' }
    await location(api, [get('/echo')], { headers })
    const { statusCode, body } = await submit(api, [get('/status/200')], { headers })
    t.equal(statusCode, 422)
    t.match(body, /FST_BATCH_IDEMPOTENCY_KEY_REUSED/)
    await location(api, [get('/echo')], { headers: { 'idempotency-key': 'l' } })
    await location(api, [get('/status/200')])
  })

  t.test('and for one owner, on one route', async t => {
    const own = { connection, queue: 'scope' }
    const api = buildApi(t, own, { respondAsync: {} })
    const other = buildApi(t, own, { respondAsync: {}, url: '/other' })
    await startWaiting(t, own)
    const key = { 'idempotency-key': 'k' }
    const mine = await location(api, [get('/echo')], { headers: key })
    const yours = await location(api, [get('/echo')], { headers: { ...key, authorization: 'Bearer you' } })
    t.not(yours, mine)
    const elsewhere = await other.inject({
      method: 'POST',
      url: '/other',
      headers: { ...key, authorization: 'Bearer me', prefer: 'respond-async' },
      payload: { batch: [get('/echo')] }
    })
    t.match(elsewhere.headers.location, /^\/other\//)
    t.not(elsewhere.headers.location!.slice(6), mine.slice(6))
  })

  t.test('what it was is not to be read in Redis', async t => {
    const own = { connection, queue: 'secret' }
    const redis = lookInto(t, connection)
    const api = buildApi(t, own, { respondAsync: {} })
    await location(api, [get('/echo')], { headers: { 'idempotency-key': 'my-key' } })
    const [key, ...more] = await redis.keys('bull:secret:batch-repetition:*')
    t.strictSame(more, [])
    t.notMatch(key! + JSON.stringify(await redis.hgetall(key!)), /my-key|Bearer/)
  })
}
