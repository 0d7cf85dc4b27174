// Upstreams that fail, in every way we know: one answer for each item, and never a second run.
import { once } from 'node:events'
import t from 'tap'
import type { Socket } from 'node:net'
import type { RemoteOptions } from '../../../lib/remote.ts'
import { latch, request, sendBatch, type Teardown } from '../../helper.ts'
import { buildFront, buildUpstream, deadOrigin, get, originOf, startRaw } from './upstream.ts'

/** Sends the same item as GET and as POST, and gives both answers and how often each came to the upstream. */
async function answersOf (t: Teardown, onRequest: (socket: Socket) => void, options: Partial<RemoteOptions> = {}) {
  const seen = { GET: 0, POST: 0 }
  const origin = await startRaw(t, socket => {
    socket.on('data', data => {
      const method = /^(GET|POST) /.exec(data.toString())?.[1] as 'GET' | 'POST' | undefined
      if (method === undefined) return
      seen[method]++
      onRequest(socket)
    })
  })
  const front = await buildFront(t, origin, options, { subrequestTimeout: 500, maxResponseBytes: 10_000 })
  const { batch: answers } = await sendBatch(front, [get('/'), { method: 'post', url: '/', body: {} }])
  return { answers, seen }
}

const head = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'

const cases: Record<string, [onRequest: (socket: Socket) => void, status: number, code: string]> = {
  'closes before the answer': [socket => socket.end(), 502, 'CONNECTION_RESET'],
  'resets before the answer': [socket => socket.resetAndDestroy(), 502, 'CONNECTION_RESET'],
  'closes in the middle of the head': [socket => socket.end('HTTP/1.1 200 O'), 502, 'CONNECTION_RESET'],
  'closes in the middle of the body': [socket => socket.end(`${head}half`), 502, 'CONNECTION_RESET'],
  'resets in the middle of the body': [socket => { socket.write(`${head}half`, () => socket.resetAndDestroy()) }, 502, 'CONNECTION_RESET'],
  'closes in the middle of a chunk': [socket => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nha'), 502, 'CONNECTION_RESET'],
  'answers garbage': [socket => socket.write('SSH-2.0-OpenSSH_9.2\r\n'), 502, 'INVALID_RESPONSE'],
  'answers zeros': [socket => socket.write(Buffer.alloc(100)), 502, 'INVALID_RESPONSE'],
  'answers a head without end': [flooding('HTTP/1.1 200 OK\r\n', `x-more: ${'x'.repeat(1000)}\r\n`), 502, 'INVALID_RESPONSE'],
  'answers garbage for a chunk': [socket => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'), 502, 'INVALID_RESPONSE'],
  'answers two lengths': [socket => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'), 502, 'INVALID_RESPONSE'],
  'answers a body without end': [flooding('HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(1000)), 502, 'RESPONSE_TOO_LARGE'],
  'says that the body is too large, and sends it': [flooding('HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n', 'x'.repeat(1000)), 502, 'RESPONSE_TOO_LARGE'],
  'upgrades a connection that nobody wanted to': [socket => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'), 502, 'CONNECTION_RESET'],
  'does not answer': [() => {}, 504, 'SUBREQUEST_TIMEOUT'],
  'stops in the middle of the body': [socket => socket.write(`${head}half`), 504, 'SUBREQUEST_TIMEOUT'],
  'announces without end': [flooding('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), 504, 'SUBREQUEST_TIMEOUT']
}

for (const [name, [onRequest, status, code]] of Object.entries(cases)) {
  t.test(`an upstream that ${name}`, async t => {
    const { answers, seen } = await answersOf(t, onRequest)
    const expected = { status_code: status, outcome: 'unknown', body: new RegExp(`FST_BATCH_${code}`) }
    t.match(answers, [expected, expected])
    t.strictSame(seen, { GET: 1, POST: 1 }, 'each was sent once')
  })
}

t.test('an upstream that is not there: nothing was started', async t => {
  const lines: string[] = []
  const stream = { write (line: string) { lines.push(line) } }
  const front = await buildFront(t, await deadOrigin(), { retries: 0 }, {}, { logger: { level: 'error', stream } })
  const { batch: answers, json } = await sendBatch(front, [get('/'), { method: 'post', url: '/', body: {} }])
  const expected = { status_code: 503, outcome: 'not_started', body: /FST_BATCH_UPSTREAM_UNREACHABLE/ }
  t.match(answers, [expected, expected])
  t.match(json.summary, { not_started: 2 })
  t.notMatch(answers[0]!.body, /ECONNREFUSED|127\.0\.0\.1/, 'the client does not see where')
  t.match(lines.map(line => JSON.parse(line)), [{ err: { code: 'FST_BATCH_UPSTREAM_UNREACHABLE', stack: /ECONNREFUSED/ }, batch: { index: 0 } }, {}])
})

t.test('a name that does not exist', async t => {
  const front = await buildFront(t, 'http://nowhere.invalid', { retries: 0 })
  t.match((await sendBatch(front, [get('/')])).batch[0], { status_code: 503, outcome: 'not_started' })
})

t.test('a certificate that is not trusted', async t => {
  const { https } = await import('./upstream.ts')
  const upstream = buildUpstream(t, {}, { https } as object)
  const front = await buildFront(t, await originOf(upstream), { retries: 0 })
  t.match((await sendBatch(front, [get('/')])).batch[0], { status_code: 503, outcome: 'not_started' })
})

t.test('idempotent methods are tried at another origin if nothing was sent, others are not', async t => {
  const upstream = buildUpstream(t)
  upstream.all('/', async ({ method }) => method)
  const origins = [await deadOrigin(), await originOf(upstream)]
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    const front = await buildFront(t, origins)
    const { batch: answers } = await sendBatch(front, Array(4).fill({ method, url: '/' }))
    t.notOk(answers.some(answer => answer.outcome !== undefined), method)
  }
  for (const method of ['POST', 'PATCH']) {
    const front = await buildFront(t, origins)
    const { batch: answers } = await sendBatch(front, Array(4).fill({ method, url: '/', body: {} }))
    t.strictSame([...new Set(answers.map(answer => answer.outcome ?? answer.status_code))].sort(), [200, 'not_started'], method)
  }
})

t.test('undici balances: an origin that is not there gets less and less', async t => {
  const upstream = buildUpstream(t)
  upstream.post('/', async () => 'run')
  const front = await buildFront(t, [await deadOrigin(), await originOf(upstream)])
  let failed = 0
  for (let i = 0; i < 10; i++) {
    const { batch: answers } = await sendBatch(front, Array(10).fill({ method: 'post', url: '/', body: {} }), {})
    failed += answers.filter(answer => answer.outcome === 'not_started').length
  }
  t.ok(failed > 0 && failed < 30, `${failed} of 100`)
})

t.test('an upstream that is there again is used again', async t => {
  const first = buildUpstream(t)
  const origin = await originOf(first)
  const front = await buildFront(t, origin, { retries: 0 })
  t.equal((await sendBatch(front, [get('/')])).batch[0]!.status_code, 404)
  await first.close()
  t.equal((await sendBatch(front, [get('/')])).batch[0]!.outcome, 'not_started')
  const second = buildUpstream(t)
  await second.listen({ port: Number(new URL(origin).port), host: '127.0.0.1' })
  t.equal((await sendBatch(front, [get('/')])).batch[0]!.status_code, 404)
})

t.test('out of time before there is a connection: nothing was started, and nothing is sent later', async t => {
  const connected = latch<Socket>()
  let sent = ''
  // It never answers the first message of TLS.
  const origin = await startRaw(t, socket => {
    socket.on('data', data => { sent += data.toString('latin1') })
    connected.open(socket)
  })
  const front = await buildFront(t, origin.replace('http', 'https'), {}, { subrequestTimeout: 100 })
  const { batch: [answer] } = await sendBatch(front, [get('/secret-path')])
  t.match(answer, { status_code: 504, outcome: 'not_started' });
  (await connected.promise).destroy()
  t.notMatch(sent, /secret-path/)
})

t.test('out of time while all connections are taken: nothing was started, and nothing is sent later', async t => {
  const upstream = buildUpstream(t)
  const paths: string[] = []
  const wait = latch<() => void>()
  upstream.get('/*', ({ url }, reply) => {
    paths.push(url)
    if (url === '/first') wait.open(() => { reply.send('late') })
    else reply.send('now')
  })
  const front = await buildFront(t, await originOf(upstream), { connections: 1, limit: 2 }, { batchTimeout: 200 })
  const { batch: answers } = await sendBatch(front, [get('/first'), get('/second')])
  t.match(answers, [{ status_code: 504, outcome: 'unknown' }, { status_code: 504, outcome: 'not_started' }])
  ;(await wait.promise)()
  t.match((await sendBatch(front, [get('/third')])).batch[0], { status_code: 200, body: 'now' })
  t.strictSame(paths, ['/first', '/third'])
})

t.test('out of time, or its client gone: the request is closed at the upstream', async t => {
  const upstream = buildUpstream(t)
  const started = latch()
  const aborted = [latch(), latch()]
  let next = 0
  upstream.get('/wait', ({ signal }) => {
    const { open } = aborted[next++]!
    signal.addEventListener('abort', () => { open() })
    if (next === 2) started.open()
  })
  const origin = await originOf(upstream)
  await sendBatch(await buildFront(t, origin, {}, { subrequestTimeout: 100 }), [get('/wait')])
  await aborted[0]!.promise

  const { Agent } = await import('node:http')
  const agent = new Agent()
  const sent = request(await buildFront(t, origin), {
    agent, method: 'POST', path: '/batch', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ batch: [get('/wait')] })
  })
  sent.catch(() => {})
  await started.promise
  agent.destroy()
  for (const sockets of Object.values(agent.sockets)) for (const socket of sockets!) socket.destroy()
  await aborted[1]!.promise
  await t.rejects(sent)
})

t.test('the front closes: so do its connections, with what nobody waits for', async t => {
  const upstream = buildUpstream(t)
  const sockets: Socket[] = []
  upstream.get('/*', ({ url, socket }, reply) => {
    sockets.push(socket)
    if (url !== '/never') reply.send('now')
  })
  const front = await buildFront(t, await originOf(upstream), { keepAliveTimeout: 600_000 }, { subrequestTimeout: 50 })
  await sendBatch(front, [get('/never'), get('/now')])
  const closed = Promise.all(sockets.map(socket => socket.destroyed || once(socket, 'close')))
  await front.close()
  await closed
  t.equal(sockets.length, 2)
})

/** Answers two requests without end. */
function flooding (head: string, part: string): (socket: Socket) => void {
  const sockets: Socket[] = []
  return socket => {
    // Not before both came: the second could find no turn beside what the first is sent.
    if (sockets.push(socket) === 2) for (const each of sockets) flood(each, head, part)
  }
}

/** Writes for as long as the other side reads. */
function flood (socket: Socket, head: string, part: string): void {
  socket.write(head)
  const more = () => { while (!socket.destroyed && socket.write(part)); }
  socket.on('drain', more)
  more()
}
