// A batch goes on where the process that ran it has left it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { buildApi, get, leftovers, lookInto, startOnly, until } from '../executors/bullmq/queue.ts'
import { answerOf, follow, location, me, read, startWaiting } from './stored.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('when the API process is killed, another one goes on with what it ran', async t => {
    const own = { connection, queue: 'killed' }
    const worker = await startWaiting(t, own)
    const program = fileURLToPath(new URL('api-process.ts', import.meta.url))
    const child = fork(program, [JSON.stringify(own)])
    const ended = once(child, 'exit')
    const [port] = await once(child, 'message')
    const batch = [
      { method: 'post', url: '/status/201', id: 'done' },
      { method: 'post', url: '/wait/a', id: 'runs' },
      { method: 'post', url: '/wait/{status}', bind: { '/url/status': 'done/body/status' }, depends_on: ['runs'] }
    ]
    const sent = await fetch(`http://127.0.0.1:${port}/batch`, {
      method: 'POST',
      headers: { ...me, prefer: 'respond-async', 'content-type': 'application/json' },
      body: JSON.stringify({ batch })
    })
    t.equal(sent.status, 202)
    const url = sent.headers.get('location')!
    await worker.reached('a')
    const api = buildApi(t, own, { respondAsync: {} })
    await until(async () => (await read(api, url)).json.done === 1)
    child.kill('SIGKILL')
    await ended
    worker.go('a', '201')
    t.match(await answerOf(api, url), {
      batch: [{ status_code: 201 }, { status_code: 200, body: '{"name":"a"}' }, { status_code: 200, body: '{"name":"201"}' }],
      summary: { ok: 3 }
    })
    t.strictSame(worker.urls, ['/status/201', '/wait/a', '/wait/201'], 'nothing ran twice')
  })

  t.test('an app that closes does not wait for it, and loses nothing', async t => {
    const own = { connection, queue: 'closed' }
    const worker = await startWaiting(t, own)
    const first = buildApi(t, own, { respondAsync: {} })
    const url = await location(first, [get('/status/200'), { method: 'post', url: '/wait/a' }, get('/wait/b')])
    await Promise.all([worker.reached('a'), worker.reached('b')])
    await first.close()
    worker.go('a')
    const redis = lookInto(t, connection)
    const task = `bull:closed:batch-task:${url.slice('/batch/'.length)}.1`
    await until(async () => await redis.hexists(task, 'answer') === 1)
    t.ok(await redis.pttl(task) > 3_600_000, 'however long it takes until there is another process')
    const second = buildApi(t, own, { respondAsync: {} })
    await second.ready()
    worker.go('b')
    t.match((await answerOf(second, url)).batch, [{ status_code: 200 }, { body: '{"name":"a"}' }, { body: '{"name":"b"}' }])
    t.strictSame(worker.urls.toSorted(), ['/status/200', '/wait/a', '/wait/b'])
  })

  t.test('what ran when another item stopped the batch is answered all the same', async t => {
    const own = { connection, queue: 'stopped' }
    const worker = await startWaiting(t, own)
    const first = buildApi(t, { ...own, limit: 2 }, { respondAsync: {} })
    const url = await location(first, [get('/wait/a'), get('/status/500'), get('/echo')], { on_error: 'stop' })
    await worker.reached('a')
    await until(async () => (await read(first, url)).json.done === 2)
    await first.close()
    const second = buildApi(t, own, { respondAsync: {} })
    await second.ready()
    worker.go('a')
    t.match((await answerOf(second, url)).batch, [
      { status_code: 200 }, { status_code: 500 }, { status_code: 424, body: /FST_BATCH_STOPPED/ }
    ])
  })

  t.test('what failed, and what it kept from running, stays so; duplicates take what is known', async t => {
    const own = { connection, queue: 'failed' }
    const worker = await startWaiting(t, own)
    const first = buildApi(t, { ...own, limit: 1 }, { respondAsync: {}, dedupe: true })
    const url = await location(first, [
      { ...get('/status/404'), id: 'a' },
      { ...get('/echo'), depends_on: ['a'] },
      get('/status/200'),
      get('/wait/x'),
      get('/status/200'),
      get('/status/404')
    ])
    await worker.reached('x')
    await first.close()
    const second = buildApi(t, { ...own, limit: 1 }, { respondAsync: {}, dedupe: true })
    await second.ready()
    worker.go('x')
    t.match((await answerOf(second, url)).batch, [
      { status_code: 404 }, { status_code: 424 }, { status_code: 200 }, { status_code: 200 }, { status_code: 200 },
      { status_code: 404 }
    ])
    t.strictSame(worker.urls, ['/status/404', '/status/200', '/wait/x'])
  })

  t.test('what was put into Redis and never enqueued is enqueued; what Redis lost is said to be lost', async t => {
    const own = { connection, queue: 'halfway' }
    const redis = lookInto(t, connection)
    const first = buildApi(t, { ...own, limit: 2 }, { respondAsync: {} })
    const url = await location(first, [get('/echo'), { method: 'post', url: '/echo' }])
    await until(async () => (await redis.llen('bull:halfway:wait')) === 2)
    await first.close()
    const id = url.slice('/batch/'.length)
    await redis.lrem('bull:halfway:wait', 1, `${id}.0`)
    await redis.del(`bull:halfway:${id}.0`, `bull:halfway:batch-task:${id}.1`)
    await startWaiting(t, own)
    const second = buildApi(t, own, { respondAsync: {} })
    await second.ready()
    t.match((await answerOf(second, url)).batch, [
      { status_code: 200 }, { status_code: 502, outcome: 'unknown', body: /FST_BATCH_QUEUE_LOST/ }
    ])
  })

  t.test('two processes that both run a batch agree on it', async t => {
    const own = { connection, queue: 'both' }
    const redis = lookInto(t, connection)
    const worker = await startWaiting(t, own)
    const [first, second] = [1, 2].map(() => buildApi(t, own, { respondAsync: {} }))
    const items = [get('/wait/a'), ...Array(10).fill({ method: 'post', url: '/echo' })]
    const url = await location(first!, [...items, { method: 'post', url: '/echo', depends_on: [] }])
    await worker.reached('a')
    await second!.ready()
    await until(async () => {
      // As if the first one had not been heard of for long. It may say in between that it is there.
      await redis.zadd('bull:both:batch-unfinished:/batch', 0, url.slice('/batch/'.length))
      return (await redis.pubsub('NUMSUB', `bull:both:batch-answers:${url.slice(7)}`))[1] === 2
    })
    worker.go('a')
    t.match((await answerOf(second!, url)).summary, { total: 12, ok: 12 })
    t.equal(worker.urls.length, 12)
    await Promise.all([first!.close(), second!.close()])
    t.equal(await redis.llen(`bull:both:batch-outcomes:${url.slice('/batch/'.length)}`), 12)
  })

  t.test('nothing of a batch is left to who runs batches for others', async t => {
    const own = { connection, queue: 'busy' }
    const worker = await startWaiting(t, own)
    const api = buildApi(t, own, { respondAsync: { concurrency: 1 } })
    const first = await location(api, [get('/wait/a')])
    const second = await location(api, [get('/wait/b')])
    await worker.reached('a')
    for (let time = 0; time < 20; time++) {
      t.match((await read(api, second)).json, { done: 0, items: [{ state: 'waiting' }] }, 'one at a time')
    }
    worker.go('a', 'b')
    await Promise.all([first, second].map(url => follow(api, url)))
    const redis = lookInto(t, connection)
    t.strictSame((await leftovers(redis)).filter(key => /:busy:(?!batch-(stored|outcomes):)/.test(key)), [])
  })

  t.test('a route that has changed answers what it does not take any more', async t => {
    const own = { connection, queue: 'changed' }
    const worker = await startWaiting(t, own)
    const first = buildApi(t, { ...own, limit: 1 }, { respondAsync: {} })
    const items = [get('/status/200'), get('/wait/a'), { ...get('/echo'), headers: { 'x-tenant': '1' } }]
    const url = await location(first, items)
    await worker.reached('a')
    await first.close()
    const second = buildApi(t, own, { respondAsync: {}, protectedHeaders: ['x-tenant'] }, { logger: { level: 'silent' } })
    await second.ready()
    t.match((await answerOf(second, url)).batch, [
      { status_code: 200 },
      { status_code: 500, outcome: 'unknown', body: /FST_BATCH_NOT_RESUMED/ },
      { status_code: 500, outcome: 'not_started', body: /FST_BATCH_NOT_RESUMED/ }
    ])
    worker.go('a')
  })

  t.test('a batch that cannot be read is logged, and keeps no other one back', async t => {
    const own = { connection, queue: 'garbage' }
    const redis = lookInto(t, connection)
    await redis.hset('bull:garbage:batch-stored:bad', { batch: 'garbage', created: '0', timeout: '1000' })
    await redis.zadd('bull:garbage:batch-unfinished:/batch', '0', 'bad')
    const lines: string[] = []
    const logger = { stream: { write (line: string) { lines.push(line) } } }
    const api = buildApi(t, own, { respondAsync: {} }, { logger })
    await startWaiting(t, own)
    const url = await location(api, [get('/echo')])
    t.match(await follow(api, url), [{ status_code: 200 }, {}])
    t.match(lines.filter(line => JSON.parse(line).level === 50), [/not valid JSON/])
  })
}
