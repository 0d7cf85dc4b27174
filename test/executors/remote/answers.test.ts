// Answers come as they were sent, whatever an upstream does that is still HTTP.
import t from 'tap'
import { request, sendBatch, type Teardown } from '../../helper.ts'
import { buildFront, buildUpstream, get, originOf, startRaw } from './upstream.ts'

/** An upstream that answers every request with these bytes. */
function answerWith (t: Teardown, answer: string, onRequest: (text: string) => void = () => {}): Promise<string> {
  return startRaw(t, socket => {
    socket.on('data', data => {
      onRequest(data.toString('latin1'))
      socket.write(answer, 'latin1')
    })
  })
}

async function answerTo (t: Teardown, answer: string, method = 'get') {
  const front = await buildFront(t, await answerWith(t, answer), {}, { setCookie: 'expose', subrequestTimeout: 2000 })
  return (await sendBatch(front, [{ method, url: '/' }])).batch[0]!
}

t.test('headers are latin1, lower case, and an array where they are sent several times', async t => {
  const answer = await answerTo(t, 'HTTP/1.1 200 Fine\r\nX-Name: caf\xe9\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\nset-cookie: c=3\r\nVary: a\r\nvary: b\r\nConstructor: x\r\n__proto__: y\r\ncontent-length: 0\r\n\r\n')
  t.match(answer, { status_code: 200, reason_phrase: 'Fine', body: '' })
  t.strictSame(Object.entries(answer.headers), [
    ['x-name', 'café'], ['set-cookie', ['a=1', 'b=2', 'c=3']], ['vary', ['a', 'b']], ['constructor', 'x'], ['__proto__', 'y'], ['content-length', '0']
  ])
})

t.test('bodies end by length, by chunks or with the connection; trailers are left out', async t => {
  const cases: Record<string, string> = {
    length: 'content-length: 4\r\n\r\nbody',
    chunks: 'transfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\nx-late: 1\r\n\r\n'
  }
  for (const [name, rest] of Object.entries(cases)) {
    const answer = await answerTo(t, `HTTP/1.1 200 OK\r\n${rest}`)
    t.match(answer, { status_code: 200, body: 'body', outcome: undefined }, name)
    t.notOk('x-late' in answer.headers || 'transfer-encoding' in answer.headers || 'trailer' in answer.headers, name)
  }
  const closing = await startRaw(t, socket => { socket.on('data', () => { socket.end('HTTP/1.1 200 OK\r\n\r\nbody') }) })
  t.match((await sendBatch(await buildFront(t, closing), [get('/')])).batch[0], { status_code: 200, body: 'body' })
})

t.test('no body where there can be none, whatever the head says', async t => {
  t.match(await answerTo(t, 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n', 'head'), { status_code: 200, body: '', headers: { 'content-length': '100' } })
  t.match(await answerTo(t, 'HTTP/1.1 204 No Content\r\n\r\n'), { status_code: 204, body: '' })
  t.match(await answerTo(t, 'HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\netag: "1"\r\n\r\n'), { status_code: 304, body: '', headers: { etag: '"1"' } })
})

t.test('what announces an answer is not the answer', async t => {
  const answer = await answerTo(t, 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok')
  t.match(answer, { status_code: 201, body: 'ok', headers: { 'content-length': '2' } })
  t.notOk('link' in answer.headers)
})

t.test('redirects are answers', async t => {
  const answer = await answerTo(t, 'HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n')
  t.match(answer, { status_code: 302, headers: { location: 'http://127.0.0.1:1/elsewhere' } })
})

t.test('a status that no answer has is none', async t => {
  t.match(await answerTo(t, 'HTTP/1.1 000 Nothing\r\ncontent-length: 0\r\n\r\n'), { status_code: 502, outcome: 'unknown' })
})

t.test('nothing is said of encodings, and what is encoded anyway comes as it is', async t => {
  let text = ''
  const origin = await answerWith(t, 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\x1f\x8b\xff', request => { text += request })
  const front = await buildFront(t, origin)
  const { batch: [answer] } = await sendBatch(front, [get('/')], { headers: { 'accept-encoding': 'gzip' } })
  t.match(answer, { headers: { 'content-encoding': 'gzip' }, body: 'H4v/', body_encoding: 'base64' })
  t.notMatch(text, /accept-encoding/i)
})

t.test('what is sent is what the item says, and what speaks of another connection is left out', async t => {
  let text = ''
  const origin = await answerWith(t, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', request => { text += request })
  const front = await buildFront(t, origin)
  const headers = { 'x-own': '  a b ', connection: 'x-own', 'http2-settings': 'AAMAAABk', te: 'trailers', expect: '100-continue', 'content-length': '99' }
  const item = { method: 'post', url: '/a%20b?c=\'d\'|[e]', headers, body: 'täxt' }
  await request(front, {
    method: 'POST',
    path: '/batch',
    headers: { 'content-type': 'application/json', 'proxy-connection': 'keep-alive', authorization: 'Bearer é' },
    body: Buffer.from(JSON.stringify({ batch: [item] }))
  })
  const [head, body] = text.split('\r\n\r\n') as [string, string]
  const [line, ...fields] = head.split('\r\n')
  t.equal(line, 'POST /a%20b?c=\'d\'|[e] HTTP/1.1')
  t.equal(Buffer.from(body, 'latin1').toString(), 'täxt')
  const sent = Object.fromEntries(fields.map(field => field.split(': ')))
  t.match(sent, { host: new URL(origin).host, connection: 'keep-alive', 'x-own': 'a b', authorization: 'Bearer é', 'content-length': '5', 'batch-subrequest': '?1' })
  for (const name of ['http2-settings', 'te', 'expect', 'proxy-connection']) t.notOk(name in sent, name)
})

t.test('an item cannot have a tunnel', async t => {
  const front = await buildFront(t, await answerWith(t, 'HTTP/1.1 200 OK\r\n\r\n'))
  const { batch: [answer] } = await sendBatch(front, [{ method: 'connect', url: '/' }])
  t.match(answer, { status_code: 501, outcome: 'not_started', body: /FST_BATCH_TUNNEL/ })
})

t.test('connections are kept and shared', async t => {
  const upstream = buildUpstream(t)
  const ports = new Set<unknown>()
  upstream.get('/', async ({ socket }) => { ports.add(socket.remotePort) })
  const front = await buildFront(t, await originOf(upstream), { connections: 2 })
  for (let i = 0; i < 5; i++) await sendBatch(front, Array(8).fill(get('/')))
  t.ok(ports.size <= 2, `${ports.size} connections`)
})
