// What of JSON:API documents and urls is rewritten, and what never. The app answers as each item asks it to.
import t, { type Test } from 'tap'
import { concurrent, type BatchItem, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, latch } from '../helper.ts'

const mediaType = 'application/vnd.api+json'
const headers = { 'content-type': mediaType }

interface Seen { readonly method: string, readonly url: string, readonly text: string }

/** An app that answers as the header `answer` says, else as a server does that gives the ids `s1`, `s2` … */
function buildApi (t: Test, options: BatchOptions = {}) {
  const app = build(t, { jsonApi: true, ...options })
  const seen: Seen[] = []
  let created = 0
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => { done(null, text) })
  app.all('/*', async ({ method, url, body, headers: { answer } }, reply) => {
    seen.push({ method, url, text: body as string })
    const type = url.split('/')[1]
    const standard = method === 'POST' ? { status: 201, body: { data: { type, id: `s${++created}` } } } : { status: 200 }
    const { status, body: document } = typeof answer === 'string' ? JSON.parse(answer) : standard
    return reply.code(status).type(mediaType).send(document === undefined ? undefined : JSON.stringify(document))
  })
  return { app, seen, send }

  /** Sends a batch of which every item must reach the app, and gives what the app saw. */
  async function send (...items: readonly BatchItem[]): Promise<Seen[]> {
    const { batch } = await injectBatch(app, items)
    for (const answer of batch) t.ok(answer.status_code < 400, answer.body)
    return seen.splice(0)
  }
}

const post = (data: unknown, more: Partial<BatchItem> = {}): BatchItem => {
  return { method: 'post', url: '/articles', headers, body: { data }, ...more }
}
const patch = (data: unknown, more: Partial<BatchItem> = {}) => post(data, { method: 'patch', url: '/x', ...more })
const get = (url: string, more: Partial<BatchItem> = {}): BatchItem => ({ method: 'get', url, ...more })
const answer = (status: number, body?: unknown): Partial<BatchItem> => {
  return { headers: { ...headers, answer: JSON.stringify({ status, body }) } }
}
const dataOf = ({ text }: Seen) => JSON.parse(text).data

const local = { type: 'articles', lid: 'a' }
const article = post(local)

t.test('identifiers get the id of the server for their lid', async t => {
  const { send } = buildApi(t)
  const [creation, one, many, primary, list] = await send(
    article,
    post({ type: 'comments', lid: 'c', relationships: { article: { data: local }, none: { data: null } } }, { url: '/comments' }),
    patch({ type: 'people', id: '9', relationships: { works: { data: [local, { type: 'articles', id: '7' }, { type: 'comments', lid: 'c' }] } } }),
    patch({ ...local, attributes: { title: 'x' } }),
    post([{ ...local, meta: { lid: 'a' } }], { url: '/people/9/relationships/works' })
  )
  t.strictSame(dataOf(creation!), local, 'what creates it is sent as it is')
  t.strictSame(dataOf(one!).relationships, { article: { data: { type: 'articles', id: 's1' } }, none: { data: null } })
  t.equal(dataOf(one!).lid, 'c')
  t.strictSame(dataOf(many!).relationships.works.data, [
    { type: 'articles', id: 's1' }, { type: 'articles', id: '7' }, { type: 'comments', id: 's2' }
  ])
  t.strictSame(dataOf(primary!), { type: 'articles', id: 's1', attributes: { title: 'x' } })
  t.strictSame(dataOf(list!), [{ type: 'articles', id: 's1', meta: { lid: 'a' } }])
})

t.test('urls get it after the type, whatever the item is', async t => {
  const { send } = buildApi(t)
  const seen = await send(
    post({ type: 'articles', lid: 'ü/1' }), article,
    get('/articles/a'), get('/v1/articles/a/relationships/author?articles/a'), get('/articles/%C3%BC%2F1'),
    { method: 'post', url: '/articles/a/photo', headers: { 'content-type': 'image/gif' }, body: 'R0lGODk=', body_encoding: 'base64' },
    { method: 'delete', url: '/articles/a' }
  )
  t.strictSame(seen.slice(2).map(({ url }) => url), [
    '/articles/s2', '/v1/articles/s2/relationships/author?articles/a', '/articles/s1', '/articles/s2/photo', '/articles/s2'
  ])
})

t.test('an id that the client made up is replaced where the server gave another', async t => {
  const { send } = buildApi(t)
  const identifier = { type: 'articles', id: 'c1' }
  const [creation, reference, url, patched] = await send(
    post(identifier), post({ type: 'comments', relationships: { article: { data: identifier } } }), get('/articles/c1'), patch(identifier)
  )
  t.strictSame(dataOf(creation!), identifier)
  t.strictSame(dataOf(reference!).relationships.article.data, { type: 'articles', id: 's1' })
  t.equal(url!.url, '/articles/s1')
  t.strictSame(dataOf(patched!), { type: 'articles', id: 's1' })
})

t.test('an id that the client made up stays, to the letter, where the server gave no other', async t => {
  const { send } = buildApi(t)
  const identifier = { type: 'articles', id: "c'1" }
  const text = '{ "data": {"type": "comments", "n": 1.0, "relationships": {"article": {"data": {"type": "articles", "id": "c\'1"}}}} }'
  const answers = [
    answer(204), answer(201), answer(201, { data: { type: 'articles' } }), answer(201, { data: null }), answer(201, { data: identifier }),
    answer(201, { data: { type: 'articles', id: null } }), answer(202, { data: { type: 'jobs', id: '5' } }),
    { headers: { ...headers, answer: JSON.stringify({ status: 201, body: 'text' }) } }
  ]
  for (const given of answers) {
    const [, reference, url] = await send(post(identifier, given), post(null, { body: text }), get("/articles/c'1/%63"))
    t.equal(reference!.text, text)
    t.equal(url!.url, "/articles/c'1/%63")
  }
})

t.test('a lid that got no id makes what refers to it 424', async t => {
  const { app, seen } = buildApi(t)
  const answers = [answer(204), answer(201, { data: { type: 'articles' } }), answer(202, { data: { type: 'jobs', id: '5' } })]
  for (const given of answers) {
    const { batch } = await injectBatch(app, [post(local, given), patch(local), get('/articles/a')])
    for (const [index, place] of [[1, 'body/data'], [2, 'url']] as const) {
      t.match(batch[index], { status_code: 424, outcome: 'not_started' })
      t.match(JSON.parse(batch[index]!.body), {
        code: 'FST_BATCH_MISSING_VALUE', message: `batch/${index}/${place}: there is no batch/0/body/data/id`
      })
    }
  }
  t.equal(seen.length, answers.length)
})

t.test('a creation that failed makes what refers to it 424, by lid and by id, and nothing else', async t => {
  const { app, seen } = buildApi(t)
  for (const identifier of [local, { type: 'articles', id: 'a' }]) {
    const { batch } = await injectBatch(app, [
      post(identifier, answer(409, { errors: [] })), patch({ type: 'x', relationships: { y: { data: [identifier] } } }), get('/articles/a'),
      get('/x?/articles/a')
    ])
    t.strictSame(batch.map(({ status_code: status }) => status), [409, 424, 424, 200])
    t.match(JSON.parse(batch[2]!.body), { code: 'FST_BATCH_DEPENDENCY_FAILED', message: 'depends on "batch/0", which was answered 409' })
  }
  t.equal(seen.length, 4)
})

t.test('what refers to an item waits for it', async t => {
  const app = build(t, { jsonApi: true, executor: concurrent(), responseBody: 'json' })
  const { promise, open } = latch()
  app.addContentTypeParser(mediaType, { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  app.post('/articles', async () => {
    await promise
    return { data: { type: 'articles', id: '1' } }
  })
  app.get('/articles/:id', async request => request.params)
  // It would not be answered, were it to wait.
  app.get('/open', async () => { open() })
  const { batch } = await injectBatch(app, [{ ...article, method: 'POST' }, get('/articles/a'), get('/open')])
  t.strictSame(batch[1]!.body, { id: '1' })
})

t.test('strings elsewhere are never touched', async t => {
  const { send } = buildApi(t)
  const document = {
    data: {
      type: 'articles',
      id: 'other',
      attributes: { lid: 'a', type: 'articles', data: local, relationships: { x: { data: local } }, author: local },
      meta: local,
      links: { self: '/articles/a' },
      relationships: { x: { meta: local, links: { self: '/articles/a' } }, lid: { lid: 'a', type: 'articles' } }
    },
    included: [{ ...local, relationships: { x: { data: local } } }],
    meta: { data: local },
    links: { self: '/articles/a' },
    lid: 'a'
  }
  const relatedTo = (data: unknown) => {
    return { ...document, data: { ...document.data, relationships: { ...document.data.relationships, y: { data } } } }
  }
  const [, untouched, changed] = await send(
    article, patch(null, { body: document }), patch(null, { body: relatedTo(local) })
  )
  t.equal(untouched!.text, JSON.stringify(document))
  t.strictSame(JSON.parse(changed!.text), relatedTo({ type: 'articles', id: 's1' }))
})

t.test('type, lid and id are compared, each with its kind', async t => {
  const { send } = buildApi(t)
  const others = [
    { type: 'people', lid: 'a' }, { type: 'articles', lid: 'A' }, { type: 'articles', lid: 'a ' }, { type: 'articles', id: 'a' },
    { type: 'articles', id: 'b', lid: 'a' }, { type: 'Articles', lid: 'a' }, { lid: 'a' }, { type: 'articles' },
    { type: ['articles'], lid: 'a' }, { type: 'articles', lid: ['a'] }, { type: 'articles', lid: { toString: 'a' } }
  ]
  const [, ...seen] = await send(article, ...others.map(other => patch(other)))
  t.strictSame(seen.map(dataOf), others)

  const urls = ['/people/a', '/articles/b', '/articles', '/articles/', '/articles/x/a', '/a', '/a/articles', '/Articles/a', '/x?articles/a']
  const [, , ...rest] = await send(article, post({ type: 'articles', lid: '' }), ...urls.map(url => get(url)))
  t.strictSame(rest.map(({ url }) => url), urls)
})

t.test('what cannot be decoded is left to the app', async t => {
  const { app, seen } = buildApi(t)
  const { batch } = await injectBatch(app, [
    article, get('/articles%zz/a'), get('/articles/%zz/articles/a'), patch(local, { headers: { 'content-type': 'nonsense' } })
  ])
  t.strictSame(batch.map(({ status_code: status }) => status), [201, 400, 400, 415])
  t.match(batch[2]!.body, "'/articles/%zz/articles/s1' is not a valid url component")
  t.equal(seen.length, 1)
})

t.test('an id stands before a lid, and null is no id', async t => {
  const { send } = buildApi(t)
  const seen = await send(
    post({ type: 'articles', id: 'x', lid: 'y' }), patch({ type: 'articles', id: 'x', lid: 'z' }), patch({ type: 'articles', id: null, lid: 'y' })
  )
  t.strictSame(seen.slice(1).map(dataOf), [{ type: 'articles', id: 's1' }, { type: 'articles', id: 's1' }])
})

t.test('only what stands before counts, and of that the last', async t => {
  const { send } = buildApi(t)
  const withId = { type: 'articles', id: 'a' }
  const seen = await send(
    patch(local), get('/articles/a'), article, patch(local), article, patch(local), get('/articles/a'), post(withId), get('/articles/a'), patch(local),
    article, get('/articles/a')
  )
  t.strictSame([0, 3, 5, 9].map(index => dataOf(seen[index]!)), [local, ...['s1', 's2', 's2'].map(id => ({ type: 'articles', id }))])
  t.strictSame([1, 6, 8, 11].map(index => seen[index]!.url), ['/articles/a', '/articles/s2', '/articles/s3', '/articles/s4'])
})

t.test('by its own name an item means itself', async t => {
  const { send } = buildApi(t)
  const self = { ...local, relationships: { parent: { data: local } } }
  const seen = await send(post(self), post(self), post({ ...self, lid: 'b' }))
  t.strictSame(seen.map(dataOf), [self, self, { ...self, lid: 'b', relationships: { parent: { data: { type: 'articles', id: 's2' } } } }])
})

t.test('only a POST of one resource creates', async t => {
  const { send } = buildApi(t)
  for (const item of [patch(local), post([local]), { ...article, method: 'PUT' }, post(null, { body: local })]) {
    const [, url, reference] = await send(item, get('/articles/a'), patch(local))
    t.equal(url!.url, '/articles/a')
    t.strictSame(dataOf(reference!), local)
  }
})

t.test('only JSON:API documents are read', async t => {
  const { send } = buildApi(t)
  const text = JSON.stringify({ data: local })
  const others: Array<Partial<BatchItem>> = [
    { headers: { 'content-type': 'application/json' } }, { headers: {} }, { headers: undefined }, { headers: { 'content-type': 'text/plain; x=application/vnd.api+json' } },
    { headers: { 'content-type': 'application/vnd.api+jsonx' } },
    { body: Buffer.from(text).toString('base64'), body_encoding: 'base64' }
  ]
  for (const other of others) {
    const [, url] = await send(post(local, other), get('/articles/a'))
    t.equal(url!.url, '/articles/a')
    const [, reference] = await send(article, patch(local, other))
    t.equal(reference!.text, text)
  }
  for (const type of ['application/vnd.api+json', 'Application/Vnd.API+json;profile="http://x.y/z"; ext=a']) {
    const same = { headers: { 'CONTENT-type': type } }
    const [, reference, url] = await send(post(null, { ...same, body: ` ${text}\n` }), patch(null, { ...same, body: text }), get('/articles/a'))
    t.equal(dataOf(reference!).id, url!.url.slice('/articles/'.length))
    t.match(url!.url, /\/s\d+$/)
  }
})

t.test('the default content type counts where an item has none', async t => {
  const { send } = buildApi(t, { defaultContentType: 'application/vnd.api+json; profile=x' })
  const [, reference, plain] = await send(
    post(local, { headers: undefined }), patch(local, { headers: { 'x-y': 'z' } }), patch(local, { headers: { 'content-type': 'application/json' } })
  )
  t.strictSame(dataOf(reference!), { type: 'articles', id: 's1' })
  t.strictSame(dataOf(plain!), local)
})

t.test('what is no document is left to the server', async t => {
  const { send } = buildApi(t)
  const bodies = [
    'x', '', '{', '"text"', 'null', '0', '[]', '{}', '{"data":"articles"}', '{"data":{"type":"articles"}}', '{"data":null}', '{"data":[null,0,"a",[]]}',
    '{"data":{"relationships":null}}', '{"data":{"relationships":"abc"}}', '{"data":{"relationships":{"x":null,"y":[],"z":{}}}}',
    '{"data":{"relationships":[{"data":{"type":"articles","lid":"a"}}]}}', '{"data":{"relationships":{"x":{"data":[[{"type":"articles","lid":"a"}]]}}}}',
    '[{"data":{"type":"articles","lid":"a"}}]', '{"data":{"0":{"type":"articles","lid":"a"}}}'
  ]
  for (const method of ['post', 'patch']) {
    const [, ...seen] = await send(article, ...bodies.filter(Boolean).map(body => post(null, { method, body })))
    t.strictSame(seen.map(({ text }) => text), bodies.filter(Boolean))
  }
})

t.test('hostile names stay names', async t => {
  const { send } = buildApi(t)
  const text = '{"data":{"type":"x","relationships":{"__proto__":{"data":{"type":"articles","lid":"a"}},"constructor":{"data":[{"type":"articles","lid":"a"}]}}}}'
  const inherited = '{"data":{"type":"x","relationships":{"y":{"__proto__":{"data":{"type":"articles","lid":"a"}}}},"__proto__":{"type":"articles","lid":"a"}}}'
  const named = { type: '__proto__', lid: 'constructor' }
  const [, , changed, same, other] = await send(
    article, post(named, { url: '/__proto__' }), patch(null, { body: text }), patch(null, { body: inherited }),
    patch(named, { url: '/__proto__/constructor/toString/valueOf' })
  )
  t.equal(changed!.text, text.replaceAll('"lid":"a"', '"id":"s1"'))
  t.equal(same!.text, inherited)
  t.strictSame(dataOf(other!), { type: '__proto__', id: 's2' })
  t.equal(other!.url, '/__proto__/s2/toString/valueOf')
  t.equal(({} as { data?: unknown }).data, undefined)
})

t.test('an id of the server goes into a url as one segment, or not at all', async t => {
  const { app, send } = buildApi(t)
  const creating = (id: unknown) => post(local, answer(201, { data: { type: 'articles', id } }))
  for (const [id, url] of [['../x', '/articles/..%2Fx/y'], ['a?b#{c}', '/articles/a%3Fb%23%7Bc%7D/y'], [7, '/articles/7/y'], ['a', '/articles/a/y']]) {
    const [, get1] = await send(creating(id), get('/articles/a/y'))
    t.equal(get1!.url, url)
  }
  const refused: ReadonlyArray<[id: unknown, message: string]> = [
    ['..', 'batch/1/url: a segment of the path is empty or only dots'], ['', 'batch/1/url: a segment of the path is empty or only dots'],
    ['a\nb', 'batch/1/url: the value has a character that a url may not have'], [{}, 'batch/1/url: the value is an object, which cannot stand there'],
    ['x'.repeat(8192), 'batch/1/url: longer than 8192 bytes']
  ]
  for (const [id, message] of refused) {
    const { batch } = await injectBatch(app, [creating(id), get('/articles/a')])
    t.match(batch[1], { status_code: 400, outcome: 'not_started' })
    t.equal(JSON.parse(batch[1]!.body).message, message)
  }
})

t.test('ids of the server cannot make a body larger than a client can send', async t => {
  const { app } = buildApi(t, { route: { bodyLimit: 1000 } })
  const creation = post(local, answer(201, { data: { type: 'articles', id: 'x'.repeat(300) } }))
  const refer = (count: number) => patch({ relationships: { y: { data: Array(count).fill(local) } } })
  t.equal((await injectBatch(app, [creation, refer(3)])).batch[1]!.status_code, 200)
  const { batch } = await injectBatch(app, [creation, refer(4)])
  t.match(batch[1], { status_code: 400, outcome: 'not_started' })
  t.equal(JSON.parse(batch[1]!.body).message, 'batch/1/body/data/relationships/y/data/3: the body would be longer than 1000 bytes')
})

t.test('a message is no longer than it has to be', async t => {
  const { app } = buildApi(t)
  const { batch } = await injectBatch(app, [post(local, answer(204)), patch({ relationships: { ['é\n'.repeat(500)]: { data: local } } })])
  t.match(JSON.parse(batch[1]!.body).message, /^batch\/1\/body\/data\/relationships\/(é\\n)+é?…: there is no batch\/0\/body\/data\/id$/)
})

t.test('bindings of the client stand beside, and have the last word', async t => {
  const { send } = buildApi(t)
  const [, , url, inside, around, beside] = await send(
    { ...article, id: 'one' }, post({ type: 'people', lid: '{x}' }, { id: 'two', url: '/people' }),
    get('/articles/a/people/{x}/{0}', { bind: { '/url/x': 'one/status_code', '/url/0': 'two/status_code' } }),
    patch({ type: 'x', relationships: { y: { data: local } } }, { bind: { '/body/data/relationships/y/data/id': 'two/body/data/id' } }),
    patch({ type: 'x', relationships: { y: { data: local } } }, { bind: { '/body': 'two/body' } }),
    patch({ type: 'x', relationships: { y: { data: [local] } } }, {
      bind: { '/body/data/relationships/y/data/-': 'two/body/data', '/headers/x-y': 'one/body/data/id' }, depends_on: ['one', 'two']
    })
  )
  t.equal(url!.url, '/articles/s1/people/201/201')
  t.strictSame(dataOf(inside!).relationships.y.data, { type: 'articles', id: 's2' })
  t.strictSame(dataOf(around!), { type: 'people', id: 's2' })
  t.strictSame(dataOf(beside!).relationships.y.data, [{ type: 'articles', id: 's1' }, { type: 'people', id: 's2' }])
})

t.test('an item that waits for the same one twice waits once', async t => {
  const { app } = buildApi(t)
  for (const [status, expected] of [[201, 200], [422, 424]] as const) {
    const { batch } = await injectBatch(app, [
      post({ type: 'articles', id: 'a' }, { ...answer(status), id: 'one' }), get('/articles/a', { depends_on: ['one'] }), get('/x')
    ])
    t.strictSame(batch.map(({ status_code: status }) => status), [status, expected, 200])
  }
})

t.test('items that would wait for each other are refused', async t => {
  const { app, seen } = buildApi(t)
  const { status, json } = await injectBatch(app, [{ ...article, depends_on: ['last'] }, patch(local, { id: 'last' })])
  t.equal(status, 400)
  t.equal(json.message, 'batch/0: waits for itself: batch/0 → last → batch/0')
  t.strictSame(seen, [])
})

t.test('no item gets an id that it was not given, and none can be named by its index', async t => {
  const { app } = buildApi(t)
  const ids: unknown[] = []
  app.addHook('onRequest', async ({ batch }) => { if (batch !== null) ids.push('id' in batch) })
  const { batch } = await injectBatch(app, [article, get('/articles/a')])
  t.notOk(batch.some(answer => 'id' in answer))
  for (const id of ['0', 'batch/0']) {
    const { status } = await injectBatch(app, [article, get('/articles/a', { depends_on: [id] })])
    t.equal(status, 400)
    const { status: bound } = await injectBatch(app, [article, get('/x/{y}', { bind: { '/url/y': `${id}/body/data/id` } })])
    t.equal(bound, 400)
  }
  t.strictSame(ids, [false, false])
})

t.test('hooks of the batch route see the batch as the client sent it', async t => {
  const { app } = buildApi(t)
  const payload = { batch: [article, patch({ type: 'x', relationships: { y: { data: local } } })] }
  const text = JSON.stringify(payload)
  const bodies: string[] = []
  app.addHook('onResponse', async ({ url, body }) => { if (url === '/batch') bodies.push(JSON.stringify(body)) })
  await app.inject({ method: 'POST', url: '/batch', payload })
  t.strictSame(bodies, [text])
})

t.test('a thousand identifiers of a thousand items', async t => {
  const size = 1000
  const { app, seen } = buildApi(t, { maxRequests: size + 2, maxInFlight: size + 2, responseBody: 'json' })
  const lids = Array.from({ length: size }, (_, index) => ({ type: 'articles', lid: `l${index}` }))
  const { batch } = await injectBatch(app, [
    ...lids.map(lid => post(lid)), patch(lids), get('/articles/l999')
  ])
  t.equal(batch[size]!.status_code, 200)
  t.strictSame(dataOf(seen[size]!), lids.map((_, index) => ({ type: 'articles', id: `s${index + 1}` })))
  t.equal(seen[size + 1]!.url, '/articles/s1000')
})

t.test('without the option nothing is read', async t => {
  for (const options of [{ jsonApi: false }, { jsonApi: undefined }]) {
    const app = build(t, options)
    const urls: string[] = []
    app.addContentTypeParser(mediaType, { parseAs: 'string' }, (_request, text, done) => { done(null, text) })
    app.all('/*', async ({ url, body }) => {
      urls.push(url)
      return body
    })
    const { batch } = await injectBatch(app, [article, patch(local), get('/articles/a')])
    t.strictSame(urls, ['/articles', '/x', '/articles/a'])
    t.strictSame(JSON.parse(batch[1]!.body), { data: local })
  }
})
