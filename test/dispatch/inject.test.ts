// What has to be mended of inject, seen from where it would show.
import { createConnection, type AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import express from '@fastify/express'
import Fastify from 'fastify'
import t from 'tap'
import batch from '../../lib/index.ts'
import { build, injectBatch, latch, listen, sendBatch } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

t.test('hooks that run before ours see no made-up host', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const seen: unknown[] = []
  app.addHook('onRequest', async request => { seen.push(request.headers.host) })
  app.register(batch)
  app.get('/', async () => 'x')
  await listen(app)
  const body = JSON.stringify({ batch: [get('/')] })
  const socket = createConnection({ port: (app.server.address() as AddressInfo).port, host: '127.0.0.1' })
  socket.end(`POST /batch HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  for await (const chunk of socket) t.ok(chunk)
  t.strictSame(seen, [undefined, 'unknown'])
})

t.test('a request that comes to the guard too late is closed like others', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  const slow = latch()
  const closed = latch()
  app.addHook('onRequest', async (request, reply) => {
    if (request.url !== '/') return
    reply.raw.once('close', () => { closed.open() })
    await slow.promise
  })
  app.register(batch, { subrequestTimeout: 30 })
  let runs = 0
  app.get('/', async () => { runs++ })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.status_code, 504)
  slow.open()
  await closed.promise
  t.equal(runs, 0)
})

t.test('what is written after the time is up is not kept', async t => {
  const app = build(t, { subrequestTimeout: 30 })
  let response: ServerResponse | undefined
  app.get('/', (_request, reply) => {
    reply.hijack()
    response = reply.raw
    t.equal(response.write('in time'), true)
  })
  await injectBatch(app, [get('/')])
  response!.on('error', () => {})
  t.equal(response!.write('too late'), false)
})

t.test('a request is aborted once, with the events of a socket', async t => {
  const app = build(t)
  const events: string[] = []
  app.get('/', (request, reply) => {
    reply.hijack()
    request.raw.on('aborted', () => { events.push('aborted') }).on('close', () => { events.push('close') })
    request.socket.destroy()
    request.socket.destroy()
    t.equal(request.raw.aborted, true)
  })
  await injectBatch(app, [get('/')])
  t.strictSame(events, ['aborted', 'close'])
})

t.test('nothing of inject is left that would keep an answered request, or make its answer twice', async t => {
  const app = build(t, {}, { disableRequestLogging: true })
  const seen: Array<() => unknown> = []
  app.get('/', (request, reply) => {
    reply.hijack()
    t.equal(reply.raw.listenerCount('finish'), 1)
    reply.raw.end('x')
    seen.push(() => [request.raw.listenerCount('close'), request.raw.listenerCount('error')])
  })
  await injectBatch(app, [get('/')])
  t.strictSame(seen[0]!(), [0, 0])
})

t.test('values of headers are text', async t => {
  const app = build(t, { durationHeader: false })
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.setHeader('x-number', 5)
    reply.raw.setHeader('x-numbers', [1, 2] as unknown as string[])
    reply.raw.end('x')
  })
  const { batch: [answer] } = await injectBatch(app, [get('/')])
  t.equal(answer!.headers['x-number'], '5')
  t.strictSame(answer!.headers['x-numbers'], ['1', '2'])
})

t.test('what throws out of inject is answered, and leaves nothing behind', async t => {
  const app = build(t, {}, {
    rewriteUrl: ({ url }) => {
      if (url === '/broken') throw new Error('in rewriteUrl')
      return url!
    }
  })
  app.get('/', async () => 'x')
  await listen(app)
  // Over a socket: subrequests are tracked from the first injected batch on.
  const { batch: [broken] } = await sendBatch(app, [get('/broken')])
  t.match(JSON.parse(broken!.body), { code: 'FST_BATCH_CONNECTION_RESET' })
  t.equal((await injectBatch(app, [get('/')])).status, 200, 'nothing seems to run still')
})

t.test('what inject adds is taken away, and nothing that looks like it', async t => {
  const app = build(t)
  app.get('/', async request => request.raw.rawHeaders)
  await listen(app)
  const headers = { 'x-list': 'user-agent', 'x-other': 'host' }
  const { batch: [answer] } = await sendBatch(app, [{ ...get('/'), headers }], { headers: { host: 'app.example' } })
  t.strictSame(JSON.parse(answer!.body), ['host', 'app.example', 'x-list', 'user-agent', 'x-other', 'host'])
})

t.test('an answer whose body inject has lost is not sent without it', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(express)
  app.use('/lost', (_req: unknown, res: ServerResponse) => { res.end('x') })
  app.register(batch)
  const { batch: [answer] } = await sendBatch(await listen(app), [get('/lost')])
  t.match(answer, { status_code: 502, outcome: 'unknown', body: /FST_BATCH_ANSWER_LOST/ })
})
