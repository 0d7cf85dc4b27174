// Behind a real proxy, as an upstream is in production.
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { findNginx, startNginx } from '../../fixtures/nginx.ts'
import { listen, sendBatch, type Teardown } from '../../helper.ts'
import { buildFront, buildUpstream, deadOrigin, get, secret, startRaw } from './upstream.ts'

const nginx = findNginx()
const skip = nginx === undefined && 'nginx is not installed'
const directives = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;'

async function behind (t: Teardown, port: number, options = {}) {
  const socketPath = await startNginx(t, nginx!, port, directives)
  return buildFront(t, 'http://app.internal', { secret, connect: { socketPath } }, { maxResponseBytes: 100_000, ...options })
}

t.test('what was signed is still so, and the client is who it was', { skip }, async t => {
  const upstream = await listen(buildUpstream(t, { secret }))
  upstream.server.on('request', () => {})
  const front = await behind(t, (upstream.server.address() as AddressInfo).port)
  const item = { method: 'post', url: '/nowhere?a=%2F&b=\'c\'|d' }
  t.match((await sendBatch(front, [item])).batch[0], { status_code: 404, body: /\/nowhere\?a=%2F&b='c'\|d/ })
})

t.test('request.batch, ip, host and protocol', { skip }, async t => {
  const upstream = buildUpstream(t, { secret })
  upstream.post('/who', async ({ batch, ip, host, protocol, body }) => ({ batch, ip, host, protocol, body }))
  await listen(upstream)
  const front = await behind(t, (upstream.server.address() as AddressInfo).port)
  const item = { method: 'post', url: '/who', body: { a: 1 } }
  const { batch: [answer] } = await sendBatch(front, [item], { localAddress: '127.0.0.3', headers: { host: 'app.example', authorization: 'Bearer 1', cookie: 'a=1' } })
  t.match(JSON.parse(answer!.body), {
    batch: { requestId: 'req-1', index: 0, size: 1, deadline: Number }, ip: '127.0.0.3', host: 'app.example', protocol: 'http', body: { a: 1 }
  })
})

t.test('an answer without end, and what fails behind the proxy', { skip }, async t => {
  const endless = await startRaw(t, socket => {
    const more = () => { while (!socket.destroyed && socket.write('x'.repeat(1000))); }
    socket.on('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.on('drain', more)
      more()
    })
  })
  const port = (origin: string) => Number(new URL(origin).port)
  const one = async (origin: string) => (await sendBatch(await behind(t, port(origin)), [get('/')])).batch[0]
  t.match(await one(endless), { status_code: 502, outcome: 'unknown', body: /FST_BATCH_RESPONSE_TOO_LARGE/ })
  t.match(await one(await deadOrigin()), { status_code: 502, body: /nginx/ }, 'what the proxy says is an answer')
  t.match(await one(await startRaw(t, socket => { socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nno header\0\r\n\r\n')) })), { status_code: 502, body: /nginx/ })
  const half = await startRaw(t, socket => { socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')) })
  t.match(await one(half), { status_code: 502, outcome: 'unknown', body: /FST_BATCH_CONNECTION_RESET/ })
})

t.test('a proxy that ends in the middle', { skip }, async t => {
  let sent = 0
  const hanging = await startRaw(t, socket => { socket.on('data', () => { if (++sent === 1) stop() }) })
  const teardowns: Array<() => unknown> = []
  const later = { teardown: (handler: () => unknown) => teardowns.push(handler) }
  const front = await behind(later, Number(new URL(hanging).port), { subrequestTimeout: 2000 })
  // The last of them stops the proxy.
  const nginxEnds = teardowns.splice(2, 1)
  const stop = () => { nginxEnds[0]!() }
  t.teardown(async () => { for (const handler of teardowns.reverse()) await handler() })
  const { batch: answers } = await sendBatch(front, [{ method: 'post', url: '/' }])
  t.match(answers[0], { status_code: /50[24]/, outcome: 'unknown' })
  t.match((await sendBatch(front, [get('/')])).batch[0], { status_code: 503, outcome: 'not_started' })
  t.equal(sent, 1)
})
