import fc from 'fast-check'
import t from 'tap'
import { concurrent, type BatchItem } from '../../lib/index.ts'
import { build, injectBatch, latch, type Teardown } from '../helper.ts'

const get = (url: string, more: Partial<BatchItem> = {}): BatchItem => ({ method: 'get', url, ...more })

/** An app that writes down what runs, and answers `/:name/:status` with that status. */
function buildRecorder (t: Teardown, limit = 100) {
  const app = build(t, { executor: concurrent({ limit }), maxRequests: 1000 })
  const ran: string[] = []
  app.get('/:name/:status', async (request, reply) => {
    const { name, status } = request.params as { name: string, status: string }
    ran.push(name)
    return reply.code(Number(status)).send(name)
  })
  return { app, ran }
}

t.test('an item runs after what it depends on, in whatever order they stand', async t => {
  const { app, ran } = buildRecorder(t)
  const { batch } = await injectBatch(app, [
    get('/c/200', { id: 'c', depends_on: ['b', 'a'] }), get('/b/200', { id: 'b', depends_on: ['a'] }), get('/a/200', { id: 'a' })
  ])
  t.strictSame(ran, ['a', 'b', 'c'])
  t.strictSame(batch.map(({ id, body }) => [id, body]), [['c', 'c'], ['b', 'b'], ['a', 'a']])
})

t.test('what can run at the same time does, and no more than the executor allows', async t => {
  for (const limit of [2, 4]) {
    const app = build(t, { executor: concurrent({ limit }) })
    const full = latch()
    let running = 0
    let most = 0
    app.get('/root', async () => 'root')
    app.get('/wait', async () => {
      most = Math.max(most, ++running)
      if (running === limit) full.open()
      await full.promise
      running--
      return 'x'
    })
    const leaves = Array.from({ length: 4 }, () => get('/wait', { depends_on: ['root'] }))
    const { batch } = await injectBatch(app, [...leaves, get('/root', { id: 'root' })])
    t.equal(most, limit)
    t.ok(batch.every(answer => answer.status_code === 200))
  }
})

t.test('of what is ready the lowest index starts first', async t => {
  const { app, ran } = buildRecorder(t, 1)
  await injectBatch(app, [
    get('/0/200', { depends_on: ['d'] }), get('/1/200'), get('/2/200', { depends_on: ['d'] }), get('/3/200', { id: 'd' }), get('/4/200')
  ])
  t.strictSame(ran, ['1', '3', '0', '2', '4'])
})

t.test('items that name the same are each waited for, and each wait', async t => {
  const { app, ran } = buildRecorder(t, 1)
  const after = (name: string, ...ids: string[]) => get(`/${name}/200`, { id: name, depends_on: ids })
  const { batch } = await injectBatch(app, [
    after('end', 'x', 'y', 'z'), after('x', 'a', 'a'), after('y', 'a', 'a'), after('z', 'a', 'a'), after('p', 'a', 'b'), after('q', 'a', 'b'),
    get('/a/200', { id: 'a' }), get('/b/404', { id: 'b' })
  ])
  t.strictSame(batch.map(answer => answer.status_code), [200, 200, 200, 200, 424, 424, 200, 404])
  t.strictSame(ran, ['a', 'x', 'y', 'z', 'end', 'b'])
})

t.test('an item does not wait for what only the one before it takes a value from', async t => {
  const { app } = buildRecorder(t)
  const { batch } = await injectBatch(app, [
    get('/a/200', { id: 'a' }), get('/b/404', { id: 'b' }),
    get('/{c}/200', { depends_on: ['a'], bind: { '/url/c': 'b/body' } }), get('/d/200', { depends_on: ['a'] }),
    get('/{e}/200', { depends_on: ['a'], bind: { '/url/e': 'b/body' } })
  ])
  t.strictSame(batch.map(answer => answer.status_code), [200, 404, 424, 200, 424])
})

t.test('a failure is 424 down the whole chain, and only there', async t => {
  const { app, ran } = buildRecorder(t)
  const { batch } = await injectBatch(app, [
    get('/a/404', { id: 'a' }), get('/b/200', { id: 'b', depends_on: ['a'] }), get('/c/200', { depends_on: ['b', 'd'] }),
    get('/d/200', { id: 'd' }), get('/e/200', { depends_on: ['d'] })
  ])
  t.strictSame(batch.map(answer => answer.status_code), [404, 424, 424, 200, 200])
  t.strictSame(ran.sort(), ['a', 'd', 'e'])
  t.match(batch[1], { outcome: 'not_started', headers: { 'content-type': 'application/json; charset=utf-8' } })
  t.strictSame(JSON.parse(batch[1]!.body), {
    statusCode: 424, code: 'FST_BATCH_DEPENDENCY_FAILED', error: 'Failed Dependency', message: 'depends on "a", which was answered 404'
  })
  t.equal(JSON.parse(batch[2]!.body).message, 'depends on "b", which was answered 424')
})

t.test('399 is no failure, 400 is one', async t => {
  const { app } = buildRecorder(t)
  for (const [status, expected] of [[399, 200], [400, 424], [500, 424]]) {
    const { batch } = await injectBatch(app, [get(`/a/${status}`, { id: 'a' }), get('/b/200', { depends_on: ['a'] })])
    t.equal(batch[1]!.status_code, expected)
  }
})

t.test('what depends on an item that is out of time is not started', async t => {
  const app = build(t, { subrequestTimeout: 30 })
  app.get('/never', () => {})
  app.get('/', async () => 'x')
  const { batch } = await injectBatch(app, [get('/never', { id: 'a' }), get('/', { depends_on: ['a'] })])
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [[504, 'unknown'], [424, 'not_started']])
})

const wrong: ReadonlyArray<[what: string, items: BatchItem[], message: string]> = [
  ['an unknown id', [get('/', { depends_on: ['x'] })], 'batch/0/depends_on/0: there is no item with the id "x"'],
  ['an id that is given twice', [get('/', { id: 'a' }), get('/', { id: 'a' })], 'batch/1/id: "a" is the id of another item'],
  ['itself', [get('/', { id: 'a', depends_on: ['a'] })], 'batch/0: waits for itself: a → a'],
  ['a circle', [
    get('/', { depends_on: ['a'] }), get('/', { id: 'a', depends_on: ['b'] }), get('/', { id: 'b', depends_on: ['a'] })
  ], 'batch/1: waits for itself: a → b → a'],
  ['a circle with a way into it', [
    get('/', { id: 'a' }), get('/', { id: 'b', depends_on: ['a', 'c'] }), get('/', { id: 'c', depends_on: ['b'] })
  ], 'batch/1: waits for itself: b → c → b'],
  ['a circle of items that name the same', [
    get('/', { id: 'a', depends_on: ['b'] }), get('/', { id: 'b', depends_on: ['b'] })
  ], 'batch/1: waits for itself: b → b'],
  ['a circle by a binding', [
    get('/{x}', { id: 'a', bind: { '/url/x': 'b/body' } }), get('/', { id: 'b', depends_on: ['a'] })
  ], 'batch/0: waits for itself: a → b → a'],
  ['a circle that is shown whole', Array.from({ length: 5 }, (_, i) => get('/', { id: `${i}`, depends_on: [`${(i + 1) % 5}`] })),
    'batch/0: waits for itself: 0 → 1 → 2 → 3 → 4 → 0'],
  ['a long circle', Array.from({ length: 9 }, (_, i) => get('/', { id: `${i}`, depends_on: [`${(i + 1) % 9}`] })),
    'batch/0: waits for itself: 0 → 1 → 2 → 3 → 4 → … → 0']
]

t.test('what cannot be waited for is refused by name, before anything runs', async t => {
  const { app, ran } = buildRecorder(t)
  for (const [what, items, message] of wrong) {
    const { status, json } = await injectBatch(app, [get('/a/200'), ...items].slice(1))
    t.equal(status, 400, what)
    t.match(json, { code: 'FST_BATCH_INVALID_DEPENDENCY', message })
  }
  t.strictSame(ran, [])
})

t.test('ids are 1 to 64 characters that no url has to encode', async t => {
  const { app } = buildRecorder(t)
  for (const id of ['a', 'A.b_c~d-1', 'x'.repeat(64), '__proto__', 'constructor']) {
    const { batch } = await injectBatch(app, [get('/b/200', { depends_on: [id] }), get('/a/200', { id })])
    t.strictSame(batch.map(answer => [answer.id, answer.status_code]), [[undefined, 200], [id, 200]])
  }
  for (const id of ['', 'a b', 'a/b', 'ä', 'x'.repeat(65), 1, null]) {
    const { status, json } = await injectBatch(app, [get('/a/200', { id: id as string })])
    t.equal(status, 400)
    t.match(json, { code: 'FST_BATCH_INVALID_BATCH', message: /^batch\/0\/id: / })
  }
})

t.test('handlers find the id', async t => {
  const app = build(t)
  app.get('/', async request => request.batch)
  const { batch } = await injectBatch(app, [get('/', { id: 'a' }), get('/')])
  t.equal(JSON.parse(batch[0]!.body).id, 'a')
  t.notOk('id' in JSON.parse(batch[1]!.body))
})

t.test('every acyclic graph runs in an order that it allows, once each', async t => {
  const { app, ran } = buildRecorder(t, 3)
  const node = fc.tuple(fc.boolean(), fc.array(fc.nat(30), { maxLength: 4 }), fc.boolean())
  const graph = fc.array(node, { minLength: 1, maxLength: 20 })
  await fc.assert(fc.asyncProperty(graph, fc.nat(), fc.boolean(), async (nodes, seed, inOrder) => {
    ran.length = 0
    // Edges go to nodes that stand earlier here, some to the same as those of the node before.
    const items: BatchItem[] = []
    for (const [i, [ok, edges, asBefore]] of nodes.entries()) {
      const own = i === 0 ? [] : edges.map(edge => `${edge % i}`)
      items.push(get(`/${i}/${ok ? 200 : 404}`, { id: `${i}`, depends_on: asBefore ? items[i - 1]?.depends_on ?? own : own }))
    }
    const key = ({ id }: BatchItem) => (Number(id) * 7919 + seed) % 101
    const shuffled = inOrder ? items : items.toSorted((a, b) => key(a) - key(b))
    const { batch } = await injectBatch(app, shuffled)
    const fails = new Map<string, boolean>()
    for (const { id, url, depends_on: dependencies } of items) {
      fails.set(id!, url.endsWith('404') || dependencies!.some(dependency => fails.get(dependency)))
    }
    const skipped = items.filter(item => item.depends_on!.some(dependency => fails.get(dependency)))
    t.strictSame(batch.map(answer => answer.id), shuffled.map(item => item.id))
    t.equal(batch.filter(answer => answer.status_code === 424).length, skipped.length)
    t.equal(ran.length, items.length - skipped.length)
    for (const { id, depends_on: dependencies } of items) {
      if (!ran.includes(id!)) continue
      for (const dependency of dependencies!) t.ok(ran.indexOf(dependency) < ran.indexOf(id!))
    }
  }), { numRuns: 60 })
})

t.test('a thousand items in a chain, a star and dense layers', async t => {
  const { app } = buildRecorder(t)
  const id = (i: number) => `n${i}`
  const chain = Array.from({ length: 1000 }, (_, i) => get(`/${i}/200`, {
    id: id(i), depends_on: i < 999 ? [id(i + 1)] : []
  }))
  const star = Array.from({ length: 1000 }, (_, i) => get(`/${i}/200`, {
    id: id(i), depends_on: i > 0 ? [id(0)] : []
  }))
  const layers = Array.from({ length: 1000 }, (_, i) => get(`/${i}/200`, {
    id: id(i), depends_on: i < 20 ? [] : Array.from({ length: 20 }, (_, k) => id((Math.floor(i / 20) - 1) * 20 + k))
  }))
  for (const items of [chain, star, layers]) {
    const { batch } = await injectBatch(app, items)
    t.ok(batch.every((answer, i) => answer.status_code === 200 && answer.id === id(i)))
  }
  chain[999]!.url = '/999/500'
  const { batch } = await injectBatch(app, chain)
  t.equal(batch.filter(answer => answer.status_code === 424).length, 999)
})
