import { Readable } from 'node:stream'
import { concurrent, sequential } from '../../lib/index.ts'
import { build, listen, sendBatch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

for (const make of [sequential, concurrent]) {
  testEach(`a handler that breaks its connection gets 502, and no sibling is touched: ${make.name}`, async (t, dispatch) => {
    const app = build(t, { executor: make({ dispatch }), subrequestTimeout: 5000 })
    app.get('/fine', async () => 'fine')
    app.get('/response-destroyed', (_request, reply) => {
      reply.hijack()
      reply.raw.destroy()
    })
    app.get('/response-destroyed-with-error', (_request, reply) => {
      reply.hijack()
      reply.raw.destroy(new Error('broken'))
    })
    app.get('/socket-destroyed', (request, reply) => {
      reply.hijack()
      request.socket.destroy()
    })
    app.get('/response-socket-destroyed', (_request, reply) => {
      reply.hijack()
      reply.raw.socket!.destroy()
    })
    app.get('/request-destroyed', (request, reply) => {
      reply.hijack()
      request.raw.destroy()
    })
    app.get('/stream-error-in-the-middle', (_request, reply) => {
      const stream = new Readable({ read () {} })
      stream.push('begun')
      reply.send(stream)
      setImmediate(() => { stream.destroy(new Error('in the middle')) })
    })
    app.get('/throw-after-head', async (_request, reply) => {
      reply.raw.writeHead(200)
      throw new Error('after the head')
    })
    for (const status of [100, 101, 102, 103]) {
      app.get(`/final-${status}`, (_request, reply) => {
        reply.hijack()
        reply.raw.writeHead(status)
        reply.raw.end()
      })
    }
    app.get('/bad-status-message', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, 'a\r\nb: c')
      reply.raw.end()
    })
    await listen(app)

    const urls = [
      '/response-destroyed', '/response-destroyed-with-error', '/socket-destroyed', '/response-socket-destroyed', '/request-destroyed',
      '/stream-error-in-the-middle', '/final-100', '/final-101', '/final-102', '/final-103'
    ]
    // It is the end of a process with an earlier Fastify, over a socket as well.
    if (app.version.localeCompare('5.12.8', undefined, { numeric: true }) >= 0) urls.push('/throw-after-head')
    for (const url of urls) {
      const { batch } = await sendBatch(app, [get('/fine'), get(url), get('/fine')])
      t.strictSame(batch.map(answer => answer.status_code), [200, 502, 200], url)
      t.match(batch[1], { outcome: 'unknown' })
      t.match(JSON.parse(batch[1]!.body), { code: url.startsWith('/final') ? 'FST_BATCH_INVALID_STATUS' : 'FST_BATCH_CONNECTION_RESET' })
    }
  })
}

testEach('an error before the first byte is the answer of the app', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/stream', async () => new Readable({ read () { this.destroy(new Error('at once')) } }))
  app.get('/null', async () => { throw null }) // eslint-disable-line no-throw-literal
  app.get('/string', async () => { throw 'text' }) // eslint-disable-line no-throw-literal
  app.get('/header', async (_request, reply) => reply.header('x-split', 'a\r\nset-cookie: b=1').send('x'))
  app.get('/twice', async (_request, reply) => {
    reply.send('first')
    reply.send('second')
    return reply
  })
  app.get('/after', async (_request, reply) => {
    reply.send('sent')
    throw new Error('after it was sent')
  })
  await listen(app)
  const { batch } = await sendBatch(app, ['/stream', '/null', '/string', '/header', '/twice', '/after'].map(get))
  t.strictSame(batch.map(answer => answer.status_code), [500, 500, 500, 500, 200, 200])
  t.strictSame(batch.slice(4).map(answer => answer.body), ['first', 'sent'])
  for (const answer of batch) t.notOk('outcome' in answer)
})

testEach('early hints and the like are passed over', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const called: string[] = []
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.writeContinue(() => { called.push('continue') })
    reply.raw.writeProcessing()
    reply.raw.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => { called.push('hints') })
    reply.raw.writeHead(200, { 'content-type': 'text/plain' })
    reply.raw.end('final')
  })
  await listen(app)
  const { batch: [answer] } = await sendBatch(app, [get('/')])
  t.match(answer, { status_code: 200, body: 'final' })
  t.strictSame(called, ['continue', 'hints'])
})
