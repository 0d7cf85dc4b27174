// Handlers that use the raw request and response by hand.
import { once } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { sequential } from '../../lib/index.ts'
import { build, injectBatch, listen, request, sendBatch, testEach } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

testEach('the socket is the same for request and response, and takes what sockets take', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (request, reply) => {
    const { socket } = request
    t.equal(socket, request.raw.socket)
    t.equal(socket, reply.raw.socket)
    t.equal(socket.setTimeout(10), socket)
    t.equal(socket.setKeepAlive(), socket)
    t.equal(socket.setNoDelay(), socket)
    t.equal(socket.ref(), socket)
    t.equal(socket.unref(), socket)
    socket.cork()
    socket.uncork()
    t.match(socket, { readable: true, writable: true, destroyed: false, writableLength: 0 })
    t.notOk('getPeerCertificate' in socket)
    return 'x'
  })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.body, 'x')
})

testEach('what is written by hand is answered', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const calls: string[] = []
  app.get('/', (_request, reply) => {
    reply.hijack()
    const { raw } = reply
    t.ok(raw instanceof ServerResponse)
    raw.setHeader('X-Set', 'set')
    raw.statusCode = 203
    raw.on('finish', () => { calls.push('finish') }).on('close', () => { calls.push('close') })
    t.equal(raw.write('é', 'latin1', () => { calls.push('written') }), true)
    t.equal(raw.headersSent, true)
    raw.write(new Uint8Array([0xc3, 0xa9]))
    raw.write(Buffer.from('z'))
    raw.end('!', () => { calls.push('ended') })
    t.equal(raw.writableEnded, true)
  })
  const { batch: [answer] } = await injectBatch(app, [get('/')])
  t.match(answer, { status_code: 203, headers: { 'x-set': 'set' }, body: Buffer.from([0xe9, 0xc3, 0xa9, 0x7a, 0x21]).toString('base64') })
  for (const call of ['finish', 'close', 'written', 'ended']) t.ok(calls.includes(call), call)
})

testEach('what is written after the end is not part of the answer', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.on('error', () => {})
    reply.raw.end('end')
    t.equal(reply.raw.write('after'), false)
    reply.raw.end('and after')
  })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.body, 'end')
})

testEach('a handler may take all listeners away', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (request, reply) => {
    request.raw.removeAllListeners()
    reply.raw.removeAllListeners('close')
    return 'x'
  })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.body, 'x')
})

testEach('a request does not hold its response once it is answered', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const sockets: Array<{ _httpMessage?: unknown }> = []
  app.get('/', async request => {
    sockets.push(request.raw.socket as {})
    return 'x'
  })
  await injectBatch(app, [get('/')])
  t.notOk(sockets[0]!._httpMessage)
})

testEach('a handler cannot change which item it answers', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/:n', async request => {
    t.throws(() => { (request.batch as { index: number }).index = 0 }, TypeError)
    t.throws(() => { (request as { batch: unknown }).batch = null }, TypeError)
    return (request.params as { n: string }).n
  })
  const { batch } = await injectBatch(app, [get('/a'), get('/b')])
  t.strictSame(batch.map(answer => answer.body), ['a', 'b'])
})

testEach('writeHead in each of its forms', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), durationHeader: false })
  const forms: ReadonlyArray<(raw: ServerResponse) => unknown> = [
    raw => raw.writeHead(200), raw => raw.writeHead(201, 'Made'), raw => raw.writeHead(202, { A: 'b' }),
    raw => raw.writeHead(203, 'Message', { A: ['b', 'c'] }), raw => raw.setHeader('x', '1').writeHead(206, { A: 'b' })
  ]
  app.get('/:form', (request, reply) => {
    reply.hijack()
    t.equal(forms[Number((request.params as { form: string }).form)]!(reply.raw), reply.raw)
    reply.raw.end()
  })
  const { batch } = await injectBatch(app, forms.map((_form, index) => get(`/${index}`)))
  t.match(batch, [
    { status_code: 200, reason_phrase: 'OK', headers: {} },
    { status_code: 201, reason_phrase: 'Made', headers: {} },
    { status_code: 202, reason_phrase: 'Accepted', headers: { a: 'b' } },
    { status_code: 203, reason_phrase: 'Message', headers: { a: ['b', 'c'] } },
    { status_code: 206, headers: { x: '1', a: 'b' } }
  ])
})

testEach('what Node refuses is refused', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', (_request, reply) => {
    reply.hijack()
    const { raw } = reply
    t.throws(() => raw.setHeader('a b', 'x'), { code: 'ERR_INVALID_HTTP_TOKEN' })
    t.throws(() => raw.setHeader('a', 'x\r\ny'), { code: 'ERR_INVALID_CHAR' })
    t.throws(() => raw.write(null as never), { code: 'ERR_STREAM_NULL_VALUES' })
    t.throws(() => raw.write({} as never), { code: 'ERR_INVALID_ARG_TYPE' })
    t.throws(() => raw.writeHead(99), { code: 'ERR_HTTP_INVALID_STATUS_CODE' })
    t.throws(() => raw.writeHead(200, { a: 'x\r\ny' }), { code: 'ERR_INVALID_CHAR' })
    t.throws(() => raw.writeHead(200, { 'a b': 'x' }), { code: 'ERR_INVALID_HTTP_TOKEN' })
    t.throws(() => raw.writeHead(200, 'a\nb'), { code: 'ERR_INVALID_CHAR' })
    raw.writeHead(200, 'OK')
    t.throws(() => raw.writeHead(200), { code: 'ERR_HTTP_HEADERS_SENT' })
    t.throws(() => raw.setHeader('a', 'b'), { code: 'ERR_HTTP_HEADERS_SENT' })
    raw.end('x')
  })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.body, 'x')
})

testEach('an exception that Fastify does not catch is the end of that item alone', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) }, {
    rewriteUrl: ({ url }) => {
      if (url === '/broken') throw new Error('in rewriteUrl')
      return url!
    }
  })
  app.get('/', async () => 'x')
  const { batch } = await injectBatch(app, [get('/broken'), get('/')])
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [[502, 'unknown'], [200, undefined]])
})

testEach('the body can be read as a stream', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => { done(null) })
  app.post('/', async request => {
    t.ok(request.raw instanceof Readable)
    const chunks = []
    for await (const chunk of request.raw) chunks.push(chunk)
    return Buffer.concat(chunks)
  })
  const { batch: [answer] } = await injectBatch(app, [{ method: 'post', url: '/', headers: { 'content-type': 'x/y' }, body: 'streamed' }])
  t.equal(answer!.body, 'streamed')
  t.ok(IncomingMessage)
})

testEach('streams can be piped into the response', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const finished: unknown[] = []
  app.get('/pipe', (_request, reply) => {
    reply.hijack()
    Readable.from(['a', 'b', 'c']).pipe(reply.raw)
  })
  app.get('/pipeline', (_request, reply) => {
    reply.hijack()
    pipeline(Readable.from(['a', Buffer.from('b'), 'c']), reply.raw, error => { finished.push(error) })
  })
  app.get('/send', (_request, reply) => { reply.send(Readable.from(['a', 'b', 'c'])) })
  const { batch } = await injectBatch(app, ['/pipe', '/pipeline', '/send'].map(get))
  t.strictSame(batch.map(answer => answer.body), ['abc', 'abc', 'abc'])
  t.strictSame(finished, [undefined])
})

testEach('events come to an end as on a socket', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const over: Array<Promise<unknown>> = []
  app.post('/', async (request, reply) => {
    over.push(once(reply.raw, 'finish'), once(reply.raw, 'close'), once(request.raw, 'close').catch(() => {}))
    return request.body
  })
  app.addHook('onResponse', async (request, reply) => { if (request.batch !== null) over.push(Promise.resolve(reply.elapsedTime)) })
  await injectBatch(app, [{ method: 'post', url: '/', body: {} }])
  await Promise.all(over.slice(0, 2))
  t.equal(over.length, 4)
})

testEach('trailers are left out, as is their announcement', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/', async (_request, reply) => {
    reply.trailer('x-checksum', async () => 'abc')
    return 'x'
  })
  await listen(app)
  const direct = await request(app, { path: '/' })
  t.equal(direct.headers.trailer, 'x-checksum')
  const { batch: [answer] } = await sendBatch(app, [get('/')])
  t.match(answer, { status_code: 200, body: 'x' })
  t.notOk('trailer' in answer!.headers)
})
