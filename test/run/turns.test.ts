import { AsyncLocalStorage } from 'node:async_hooks'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { build, injectBatch, latch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('the lowest index starts first, at most as many at once as the executor allows', async (t, dispatch) => {
  for (const [executor, limit] of [[sequential({ dispatch }), 1], [concurrent({ limit: 3, dispatch }), 3]] as const) {
    const app = build(t, { executor })
    const order: number[] = []
    let running = 0
    let most = 0
    app.get('/:n', async request => {
      order.push(request.batch!.index)
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
    })
    await injectBatch(app, Array.from({ length: 12 }, (_, n) => get(`/${n}`)))
    t.strictSame(order, Array.from({ length: 12 }, (_, n) => n))
    t.equal(most, limit)
  }
})

testEach('routes and apps that share an executor share its limit', async (t, dispatch) => {
  const executor = concurrent({ limit: 2, dispatch })
  let running = 0
  let most = 0
  const apps = [1, 2].map(() => {
    const app = build(t, { executor })
    app.register(batch, { url: '/other', executor })
    app.get('/', async () => {
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
    })
    return app
  })
  await Promise.all(apps.flatMap(app => [
    injectBatch(app, Array(6).fill(get('/'))), injectBatch(app, Array(6).fill(get('/')), { path: '/other' })
  ]))
  t.equal(most, 2)
})

testEach('a batch that waited takes all turns that become free', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 2, dispatch }) })
  const firstRun = latch()
  const release = latch()
  const secondRun = latch()
  let first = 0
  let second = 0
  app.get('/first', async () => {
    if (++first === 2) firstRun.open()
    await release.promise
  })
  // Answers only when both run at the same time.
  app.get('/second', async () => {
    if (++second === 2) secondRun.open()
    await secondRun.promise
  })
  const holding = injectBatch(app, Array(2).fill(get('/first')))
  await firstRun.promise
  const waiting = injectBatch(app, Array(2).fill(get('/second')))
  release.open()
  t.strictSame((await waiting).batch.map(answer => answer.status_code), [200, 200])
  await holding
})

testEach('a large batch cannot starve a small one', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 2, dispatch }), maxRequests: 1000, maxInFlight: 2000 })
  let large = 0
  const begun = latch()
  app.get('/large', async () => {
    if (++large === 10) begun.open()
    await new Promise(setImmediate)
  })
  app.get('/small', async () => large)
  const first = injectBatch(app, Array(1000).fill(get('/large')))
  await begun.promise
  const before = large
  const { batch: [answer] } = await injectBatch(app, [get('/small')])
  t.ok(Number(answer!.body) - before <= 10, `${Number(answer!.body) - before} subrequests went before`)
  await first
})

testEach('batches take turns, one subrequest each', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 1, dispatch }) })
  const order: string[] = []
  const bothSent = latch()
  app.get('/:name', async request => {
    order.push(request.url)
    await bothSent.promise
    await new Promise(setImmediate)
  })
  const batches = ['/a', '/b', '/c'].map(url => injectBatch(app, Array(3).fill(get(url))))
  await new Promise(setImmediate)
  bothSent.open()
  await Promise.all(batches)
  t.strictSame(order, ['/a', '/b', '/c', '/a', '/b', '/c', '/a', '/b', '/c'])
})

testEach('a turn that comes too late is passed on', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 1, dispatch }), batchTimeout: 60, subrequestTimeout: 5000 })
  const open = latch()
  app.get('/hold', async () => { await open.promise })
  app.get('/', async () => 'x')
  const [holding, waiting] = await Promise.all([
    injectBatch(app, [get('/hold'), get('/hold')]), injectBatch(app, [get('/'), get('/')])
  ])
  t.strictSame(holding.batch.map(answer => answer.outcome), ['unknown', 'not_started'])
  t.equal(waiting.status, 200)
  open.open()
  const { batch: after } = await injectBatch(app, [get('/'), get('/')])
  t.strictSame(after.map(answer => answer.status_code), [200, 200])
})

testEach('a subrequest runs in the asynchronous context of its own batch', async (t, dispatch) => {
  const store = new AsyncLocalStorage<string>()
  const app = build(t, {
    executor: concurrent({ limit: 1, dispatch }),
    route: {
      preHandler: (request, _reply, done) => { store.run(request.headers['user-agent']!, done) }
    }
  })
  app.get('/', async () => {
    await new Promise(setImmediate)
    return store.getStore()
  })
  const answers = await Promise.all(['ada', 'bob', 'eve'].map(async name => {
    const { batch } = await injectBatch(app, Array(4).fill(get('/')), { headers: { 'user-agent': name } })
    return batch.map(answer => answer.body)
  }))
  t.strictSame(answers, ['ada', 'bob', 'eve'].map(name => Array(4).fill(name)))
})

testEach('what a subrequest enters into a store reaches neither its siblings nor the batch', async (t, dispatch) => {
  const store = new AsyncLocalStorage<string>()
  for (const executor of [sequential({ dispatch }), concurrent({ limit: 4, dispatch })]) {
    const leaked: unknown[] = []
    const app = build(t, {
      executor,
      route: { onSend: async () => { leaked.push(store.getStore()) } }
    })
    app.get('/', (_request, reply) => {
      const before = store.getStore()
      store.enterWith('mine')
      reply.send(String(before))
    })
    const { batch } = await injectBatch(app, Array(4).fill(get('/')))
    t.strictSame(batch.map(answer => answer.body), Array(4).fill('undefined'))
    t.strictSame(leaked, [undefined])
  }
})

testEach('a long batch lets other requests through', async (t, dispatch) => {
  for (const executor of [sequential({ dispatch }), concurrent({ limit: 4, dispatch })]) {
    const app = build(t, { executor, maxRequests: 1000 })
    let items = 0
    const turns = new Set<number>()
    app.get('/', async () => { items++ })
    setImmediate(function turn () {
      turns.add(items)
      if (items < 1000) setImmediate(turn)
    })
    await injectBatch(app, Array(1000).fill(get('/')))
    t.ok(turns.size > 3, `the event loop turned ${turns.size} times on the way`)
  }
})
