import type { IncomingMessage, ServerResponse } from 'node:http'
import express from '@fastify/express'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { sequential } from '../../lib/index.ts'
import { dispatches, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

// Without the types of Express. Those of @fastify/middie are there as well, and name the same method.
type Loose<Message> = Message & Record<string, any>
type Middleware = (req: Loose<IncomingMessage>, res: Loose<ServerResponse>, next: () => void) => void

async function expressed (app: FastifyInstance): Promise<void> {
  await app.register(express)
  const use: (path: string, middleware: Middleware) => void = app.use.bind(app)
  let closed = 0
  use('/express', (_req, res, next) => {
    res.set('x-middleware', 'yes')
    res.on('close', () => { closed++ })
    next()
  })
  use('/express/json', (req, res) => { res.status(202).json({ url: req.originalUrl, query: req.query, ip: req.ip }) })
  use('/express/parts', (_req, res) => { res.write('a'); res.write(Buffer.from('b')); res.end('c', () => {}) })
  use('/express/redirect', (_req, res) => { res.redirect('/express') })
  use('/express/empty', (_req, res) => { res.status(204).end(() => {}) })
  use('/express/failed', () => { throw new Error('on purpose') })
  app.get('/express', async () => 'from the handler')
  app.get('/express/closed', async () => closed)
  app.post('/express', async ({ body }) => body)
  // Middleware of a context runs where a route of it is.
  app.get('/express/*', async () => 'from the handler')
}

export default {
  isLast: true,

  app: expressed,

  async visit (t, visitor) {
    const [passed, posted, json, parts, redirect, empty, failed, closed] = await visitor.send([
      { method: 'GET', url: '/express' },
      { method: 'POST', url: '/express', body: { a: 1 } },
      ...['json?a=b', 'parts', 'redirect', 'empty', 'failed', 'closed'].map(path => ({ method: 'GET', url: `/express/${path}` }))
    ])
    t.match(passed, { status: 200, headers: { 'x-middleware': 'yes' }, body: 'from the handler' })
    t.equal(posted!.body, '{"a":1}')
    t.equal(json!.status, 202)
    t.strictSame(JSON.parse(json!.body), { url: '/express/json?a=b', query: { a: 'b' }, ip: '127.0.0.1' })
    t.equal(parts!.body, 'abc')
    t.match(redirect, { status: 302, headers: { location: '/express' } })
    t.equal(empty!.status, 204)
    t.equal(failed!.status, 500)
    t.equal(closed!.body, '7', 'each response has told that it closed')
  },

  async also (t) {
    for (const dispatch of dispatches) {
      const app = Fastify()
      t.teardown(() => app.close())
      await expressed(app)
      app.register(batch, { executor: sequential({ dispatch }) })
      const urls = ['/express', '/express/json', '/express/empty']
      const { batch: answers } = await sendBatch(await listen(app), urls.map(url => ({ method: 'GET', url })))
      const [passed, json, empty] = answers
      t.match(passed, { status_code: 200, body: 'from the handler' }, 'registered first, handlers answer')
      t.equal(empty!.status_code, 204)
      // light-my-request alone would answer without a body: https://github.com/fastify/fastify-express/issues/47
      if (dispatch === 'direct') t.equal(json!.status_code, 202)
      else t.match(json, { status_code: 502, outcome: 'unknown', body: /FST_BATCH_ANSWER_LOST/ })
    }
  }
} satisfies PluginTest
