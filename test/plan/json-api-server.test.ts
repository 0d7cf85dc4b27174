// Against a JSON:API server that knows nothing of batches: Fortune, which checks that what is referred to exists.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { concurrent, type BatchItem, type BatchOptions } from '../../lib/index.ts'
import { build, listen, request, sendBatch, type Teardown } from '../helper.ts'

const require = createRequire(import.meta.url)
const mediaType = 'application/vnd.api+json'
const headers = { accept: mediaType, 'content-type': mediaType }

/** An app whose routes below `/api` are those of a Fortune server with a store in memory. */
async function buildLibrary (t: Teardown, options: BatchOptions = {}): Promise<FastifyInstance> {
  const fortune = require('fortune')
  const { create } = fortune.methods
  const store = fortune({
    author: { name: String, books: [Array('book'), 'author'] },
    book: { title: String, author: ['author', 'books'], sequels: [Array('book'), 'prequel'], prequel: ['book', 'sequels'] }
  }, {
    hooks: {
      // A server that takes no ids of clients for authors, and gives its own.
      author: [({ request: { method } }: any, record: any, update: unknown) => {
        if (method !== create) return update
        delete record.id
        return record
      }]
    }
  })
  await store.connect()
  t.teardown(() => store.disconnect())
  const serializer = [require('fortune-json-api'), { prefix: '/api', castNumericIds: false }]
  const listener = require('fortune-http')(store, { serializers: [serializer], settings: { useCompression: false } })

  const app = build(t, options)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => { done(null) })
  app.all('/api/*', (request, reply) => {
    reply.hijack()
    // It rejects with what it has answered.
    listener(request.raw, reply.raw).catch(() => {})
  })
  return listen(app)
}

const send = (method: string, url: string, data?: unknown): BatchItem => {
  return data === undefined ? { method, url, headers: { accept: mediaType } } : { method, url, headers, body: { data } }
}

/** Reads a resource as any client does, without a batch. */
async function read (app: FastifyInstance, path: string): Promise<any> {
  const { status, body } = await request(app, { path, headers: { accept: mediaType } })
  return { status, ...JSON.parse(body.toString()) }
}

const authorAndBooks: readonly BatchItem[] = [
  send('POST', '/api/authors', { type: 'authors', lid: 'ada', attributes: { name: 'Ada' } }),
  send('POST', '/api/books', {
    type: 'books',
    lid: 'notes',
    attributes: { title: 'ada' },
    relationships: { author: { data: { type: 'authors', lid: 'ada' } } }
  }),
  send('POST', '/api/books', {
    type: 'books',
    id: 'chosen-by-client',
    attributes: { title: 'Letters' },
    relationships: { prequel: { data: { type: 'books', lid: 'notes' } } }
  }),
  send('PATCH', '/api/books/chosen-by-client', {
    type: 'books', id: 'chosen-by-client', relationships: { author: { data: { type: 'authors', lid: 'ada' } } }
  }),
  send('PATCH', '/api/authors/ada', { type: 'authors', lid: 'ada', attributes: { name: 'Ada Lovelace' } }),
  send('GET', '/api/authors/ada/relationships/books'),
  send('GET', '/api/books/notes?include=author')
]

t.test('an author and books are created in one batch, and found by direct requests', async t => {
  const app = await buildLibrary(t, { jsonApi: true, responseBody: 'json' })
  const { batch } = await sendBatch(app, authorAndBooks)
  t.strictSame(batch.map(answer => answer.status_code), [201, 201, 201, 204, 204, 200, 200])

  const [ada, notes, letters] = batch.map(answer => answer.body.data)
  t.notMatch(ada.id, /^ada$/)
  t.equal(letters.id, 'chosen-by-client', 'the server took the id of the client')

  const author = await read(app, `/api/authors/${ada.id}`)
  t.equal(author.data.attributes.name, 'Ada Lovelace')
  t.strictSame(author.data.relationships.books.data, [{ type: 'books', id: notes.id }, { type: 'books', id: letters.id }])
  const book = await read(app, `/api/books/${notes.id}`)
  t.equal(book.data.attributes.title, 'ada', 'attributes are no references')
  t.strictSame(book.data.relationships.author.data, { type: 'authors', id: ada.id })
  t.strictSame(book.data.relationships.sequels.data, [{ type: 'books', id: letters.id }])

  const { status: linkageStatus, ...linkage } = await read(app, `/api/authors/${ada.id}/relationships/books`)
  t.strictSame(batch[5], { ...batch[5], status_code: linkageStatus, body: linkage }, 'answered as a direct request is')
  const { status: includedStatus, ...included } = await read(app, `/api/books/${notes.id}?include=author`)
  t.strictSame(batch[6], { ...batch[6], status_code: includedStatus, body: included }, 'answered as a direct request is')
})

t.test('the example of docs/json-api.md works', async t => {
  const app = await buildLibrary(t, { jsonApi: true, defaultContentType: mediaType, responseBody: 'json' })
  const page = readFileSync(new URL('../../docs/json-api.md', import.meta.url), 'utf8')
  const { batch } = await sendBatch(app, JSON.parse(/^```json\n(.*?)^```$/ms.exec(page)![1]!).batch)
  t.strictSame(batch.map(answer => answer.status_code), [201, 201, 204, 200])
  const { data, included } = batch[3]!.body
  t.equal(data.id, batch[1]!.body.data.id)
  t.match(included, [{ type: 'authors', id: batch[0]!.body.data.id, attributes: { name: 'Ada Lovelace' } }])
})

t.test('what refers to another item waits for it, where items run at the same time', async t => {
  const app = await buildLibrary(t, { jsonApi: true, executor: concurrent(), responseBody: 'json' })
  const { batch } = await sendBatch(app, authorAndBooks)
  t.strictSame(batch.map(answer => answer.status_code), [201, 201, 201, 204, 204, 200, 200])
  const [ada, notes, letters] = batch.map(answer => answer.body.data)
  const { data } = await read(app, `/api/authors/${ada.id}`)
  t.equal(data.attributes.name, 'Ada Lovelace')
  t.strictSame(data.relationships.books.data.map(({ id }: { id: string }) => id).sort(), [notes.id, letters.id].sort())
})

t.test('an id of the client that the server replaced is replaced in what follows', async t => {
  const app = await buildLibrary(t, { jsonApi: true, responseBody: 'json' })
  const { batch } = await sendBatch(app, [
    send('POST', '/api/authors', { type: 'authors', id: 'temporary', attributes: { name: 'Ada' } }),
    send('POST', '/api/books', { type: 'books', id: 'b1', attributes: { title: 'Notes' } }),
    send('POST', '/api/authors/temporary/relationships/books', [{ type: 'books', id: 'b1' }]),
    send('GET', '/api/books/b1/author')
  ])
  t.strictSame(batch.map(answer => answer.status_code), [201, 201, 204, 200])
  const { id } = batch[0]!.body.data
  t.not(id, 'temporary')
  t.equal(batch[3]!.body.data.id, id)
  t.strictSame((await read(app, '/api/books/b1')).data.relationships.author.data, { type: 'authors', id })
})

t.test('what refers to something that was not created does not reach the server', async t => {
  const app = await buildLibrary(t, { jsonApi: true, responseBody: 'json' })
  const { batch } = await sendBatch(app, [
    send('POST', '/api/authors', { type: 'books', lid: 'ada' }),
    send('POST', '/api/books', { type: 'books', relationships: { author: { data: { type: 'authors', lid: 'ada' } } } }),
    send('POST', '/api/books', { type: 'books', lid: 'x', relationships: { prequel: { data: { type: 'books', lid: 'ada' } } } }),
    send('GET', '/api/books/ada'),
    send('GET', '/api/books/x')
  ])
  t.strictSame(batch.map(answer => answer.status_code), [409, 400, 424, 424, 424])
  t.strictSame((await read(app, '/api/books')).data, [])
})

t.test('without the option the server is sent what the client wrote', async t => {
  const app = await buildLibrary(t, { responseBody: 'json' })
  const { batch } = await sendBatch(app, authorAndBooks)
  t.strictSame(batch.map(answer => answer.status_code), [201, 400, 400, 404, 409, 200, 404])
})
