import { once } from 'node:events'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { Pool } from 'undici'
import { Exchange } from '../../../lib/executors/remote/exchange.ts'
import type { RemoteOptions } from '../../../lib/remote.ts'
import { latch, sendBatch, type Teardown } from '../../helper.ts'
import { buildFront, buildUpstream, ca, get, https, originOf, startRaw } from './upstream.ts'

const options: Partial<RemoteOptions> = { http2: true, connect: { ca, servername: 'localhost' } }

function buildSecond (t: Teardown): FastifyInstance {
  const upstream = buildUpstream(t, {}, { http2: true, https } as object)
  upstream.removeAllContentTypeParsers()
  upstream.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => { done(null, body) })
  return upstream
}

t.test('methods with bodies that HTTP/2 of undici does not expect them from', async t => {
  const upstream = buildSecond(t)
  upstream.all('/', async ({ method, body, raw }) => ({ method, body, version: raw.httpVersion }))
  const front = await buildFront(t, await originOf(upstream), options)
  const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'GET', 'HEAD']
  const { batch: answers } = await sendBatch(front, methods.map(method => ({ method, url: '/', body: 'text' })))
  t.match(answers.map(({ status_code: status, body }) => [status, body && JSON.parse(body)]), methods.map(method => {
    return [200, method === 'HEAD' ? '' : { method, version: '2.0', body: method === 'GET' ? undefined : 'text' }]
  }))
})

t.test('many at once share one connection, with headers in latin1 and reasons', async t => {
  const upstream = buildSecond(t)
  const sessions = new Set<unknown>()
  let atOnce = 0
  const all = latch()
  upstream.all('/', async ({ raw }, reply) => {
    sessions.add((raw as unknown as { stream: { session: unknown } }).stream.session)
    if (++atOnce === 50) all.open()
    await all.promise
    return reply.code(201).header('x-name', 'café').header('set-cookie', ['a=1', 'b=2']).send('ok')
  })
  const front = await buildFront(t, await originOf(upstream), { ...options, connections: 1 }, { maxRequests: 50, setCookie: 'expose' })
  const { batch: answers } = await sendBatch(front, Array.from({ length: 50 }, (_, index) => ({ method: index % 2 === 0 ? 'get' : 'post', url: '/' })))
  t.equal(sessions.size, 1)
  const expected = { status_code: 201, reason_phrase: 'Created', body: 'ok', headers: { 'x-name': 'café', 'set-cookie': ['a=1', 'b=2'] } }
  t.match(answers, Array(50).fill(expected))
})

t.test('an upstream that offers HTTP/1.1 alone gets that', async t => {
  const upstream = buildUpstream(t, {}, { https } as object)
  upstream.get('/', async ({ raw }) => raw.httpVersion)
  const front = await buildFront(t, await originOf(upstream), options)
  t.match((await sendBatch(front, [get('/')])).batch[0], { body: '1.1', reason_phrase: 'OK' })
})

t.test('a status without a name has no reason', async t => {
  const upstream = buildSecond(t)
  upstream.get('/', async (_request, reply) => reply.code(299).send('ok'))
  const front = await buildFront(t, await originOf(upstream), options)
  t.match((await sendBatch(front, [get('/')])).batch[0], { status_code: 299, reason_phrase: '' })
})

/** An upstream that breaks its connection as soon as this many requests have come to it. */
async function startBreaking (
  t: Teardown, requests: number, breakOff: (session: ServerHttp2Session, socket: Socket) => void
) {
  const paths: string[] = []
  const sockets: Socket[] = []
  const server: Http2SecureServer = createSecureServer(https)
  server.on('sessionError', () => {})
  server.on('connection', socket => { sockets.push(socket) })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    paths.push(headers[':path']!)
    if (paths.length === requests) breakOff(stream.session as ServerHttp2Session, sockets[0]!)
    else if (paths.length > requests) {
      stream.respond({ ':status': 200 })
      stream.end('again')
    }
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { paths, origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

for (const [name, breakOff] of Object.entries<(session: ServerHttp2Session, socket: Socket) => void>({
  'a connection that is reset': (_session, socket) => { socket.resetAndDestroy() },
  'a connection that is closed': (_session, socket) => { socket.destroy() },
  'a GOAWAY': session => { session.goaway(2) },
  'a session that is destroyed': session => { session.destroy() }
})) {
  t.test(`what shared ${name} was sent once, whatever undici would do`, async t => {
    const { paths, origin } = await startBreaking(t, 6, breakOff)
    const front = await buildFront(t, origin, { ...options, connections: 1 }, { subrequestTimeout: 3000 })
    const { batch: answers } = await sendBatch(front, Array.from({ length: 6 }, (_, index) => ({ method: index % 2 === 0 ? 'get' : 'post', url: `/${index}` })))
    t.strictSame(paths.sort(), ['/0', '/1', '/2', '/3', '/4', '/5'])
    const expected = { status_code: 502, outcome: 'unknown', body: /FST_BATCH_CONNECTION_RESET/ }
    t.match(answers, Array(6).fill(expected))
  })
}

t.test('what undici would send a second time', async t => {
  const paths: string[] = []
  const origin = await startRaw(t, socket => {
    socket.on('data', data => {
      for (const [, path] of data.toString().matchAll(/GET (\S+) HTTP/g)) paths.push(path!)
      if (paths.length === 3) socket.destroy()
    })
  })
  const pool = new Pool(origin, { connections: 1, pipelining: 3 })
  t.teardown(() => pool.destroy())
  const { signal } = new AbortController()
  const context = { app: {} as FastifyInstance, maxResponseBytes: 1, signal, onAbort () {} }
  const results = ['/1', '/2', '/3'].map(path => {
    const exchange = new Exchange(context, false)
    // Not as our own are.
    pool.dispatch({ method: 'GET', path, blocking: false }, exchange)
    return exchange.result
  })
  for (const result of await Promise.all(results)) t.match(result, { error: { code: 'FST_BATCH_CONNECTION_RESET' } })
  t.strictSame(paths, ['/1', '/2', '/3'])
})
