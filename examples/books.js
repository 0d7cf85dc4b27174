// Authors and books in a PostgreSQL inside this process, and atomic batches. Start it with `npm run example:books`.
import { PGlite } from '@electric-sql/pglite'
import Fastify from 'fastify'
import batch from 'fastify-batch-requests'

const db = await PGlite.create()
await db.exec(`
  CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
  CREATE TABLE books (id serial PRIMARY KEY, author_id integer NOT NULL REFERENCES authors, title text NOT NULL)`)

const app = Fastify()
app.addHook('onClose', () => db.close())

app.post('/authors', async (request, reply) => {
  const { rows: [author] } = await sql(request).query(
    'INSERT INTO authors (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id, name', [request.body.name])
  if (author === undefined) return reply.code(409).send({ error: 'this author is there already' })
  return reply.code(201).send(author)
})
app.post('/books', async (request, reply) => {
  const { rows: [book] } = await sql(request).query(
    'INSERT INTO books (author_id, title) VALUES ($1, $2) RETURNING id, author_id, title',
    [request.body.author_id, request.body.title])
  return reply.code(201).send(book)
})
app.get('/authors/:id/books', async request => {
  const { rows } = await sql(request).query('SELECT title FROM books WHERE author_id = $1 ORDER BY id', [request.params.id])
  return rows.map(({ title }) => title)
})

/** The transaction of an atomic batch. Every other request has none. */
function sql (request) {
  return request.batch?.transaction ?? db
}

app.register(batch, { transaction: transactions(), responseBody: 'json' })

await send('An author, two books of hers, and a look at them', [
  { id: 'author', method: 'post', url: '/authors', body: { name: 'Ada Lovelace' } },
  book('author', 'Notes'),
  book('author', 'Letters'),
  { method: 'get', url: '/authors/{id}/books', bind: { '/url/id': 'author/body/id' }, depends_on: ['Notes', 'Letters'] }
])
await send('One fails, and so nothing happens', [
  { id: 'author', method: 'post', url: '/authors', body: { name: 'Grace Hopper' } },
  book('author', 'Compilers'),
  { method: 'post', url: '/authors', body: { name: 'Ada Lovelace' } },
  book('author', 'Cobol')
])

const { rows } = await db.query('SELECT name, title FROM authors JOIN books ON author_id = authors.id ORDER BY books.id')
console.log('\nIn the database')
for (const { name, title } of rows) console.log(`  ${name}: ${title}`)

await app.close()

/** An item that adds a book to the author of another item. */
function book (author, title) {
  const bind = { '/body/author_id': `${author}/body/id` }
  return { id: title, method: 'post', url: '/books', body: { author_id: null, title }, bind }
}

async function send (title, items) {
  const response = await app.inject({ method: 'POST', url: '/batch', payload: { atomic: true, batch: items } })
  const answer = response.json()
  console.log(`\n${title}`)
  for (const [index, { status_code: status, outcome = 'done', body }] of answer.batch.entries()) {
    const { method, url } = items[index]
    console.log(`  ${method.toUpperCase()} ${url}  →  ${status} ${outcome}: ${body.message ?? JSON.stringify(body)}`)
  }
}

/**
 * pglite has one connection: a transaction begins when the one before has ended.
 * For servers, with many connections: docs/transactions.md.
 */
function transactions () {
  const undo = new Error('rolled back')
  return {
    begin: () => new Promise((resolve, reject) => {
      const ended = db.transaction(({ query }) => new Promise((commit, rollback) => {
        resolve({ query, commit, rollback, ended: () => ended })
      }))
      ended.catch(reject)
    }),
    async commit (transaction) {
      transaction.commit()
      await transaction.ended()
    },
    async rollback (transaction) {
      // What fails closes the transaction before it rolls back, so that no handler gets in anything more.
      transaction.rollback(undo)
      await transaction.ended().catch(error => { if (error !== undo) throw error })
    }
  }
}
