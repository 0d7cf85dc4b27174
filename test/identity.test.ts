import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import { createConnection, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import batch, { sequential, type BatchOptions } from '../lib/index.ts'
import { build, latch, listen, request, sendBatch, testEach, type RequestOptions, type Teardown, type Dispatch } from './helper.ts'

const pem = (name: string) => readFileSync(new URL(`./fixtures/tls/${name}.pem`, import.meta.url))
const tls = { key: pem('key'), cert: pem('cert') }
const clientTls = { key: pem('client-key'), cert: pem('client-cert') }

/** An app that tells who it thinks is calling, in every way there is. */
function buildWho (t: Teardown, dispatch: Dispatch, server: object = {}, options: BatchOptions = {}): FastifyInstance {
  const app = Fastify(server as FastifyServerOptions)
  app.register(batch, { executor: sequential({ dispatch }), ...options })
  t.teardown(() => app.close())
  app.get('/who', async request => {
    const { ip, ips, host, hostname, port, protocol, socket, raw } = request
    const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket
    const { encrypted, authorized } = socket as { encrypted?: boolean, authorized?: boolean }
    const connection = { remoteAddress, remoteFamily, localAddress, localPort, encrypted, authorized }
    return { ip, ips, host, hostname, port, protocol, connection, hasPort: remotePort !== undefined, forwarded: raw.headers['x-forwarded-for'] }
  })
  return app
}

const who = [{ method: 'get', url: '/who' }]

async function compare (t: Pick<typeof import('tap').t, 'strictSame'>, app: FastifyInstance, options: RequestOptions = {}) {
  const direct = await request(app, { path: '/who', ...options })
  const { batch } = await sendBatch(app, who, options)
  const seen = JSON.parse(direct.body.toString())
  t.strictSame(JSON.parse(batch[0]!.body), seen)
  return seen
}

const forwarded = {
  'x-forwarded-for': '192.0.2.1, 198.51.100.7', 'x-forwarded-host': 'public.example:8443', 'x-forwarded-proto': 'https'
}
const trusts: ReadonlyArray<readonly [name: string, trustProxy: FastifyServerOptions['trustProxy']]> = [
  ['false', false], ['true', true], ['loopback', 'loopback'], ['an address', '127.0.0.1'], ['another address', '203.0.113.9'],
  ['a list', ['127.0.0.1', '198.51.100.0/24']], ['a number', 1 as never],
  ['a function', (address: string, hop: number) => hop < 1 && address === '127.0.0.1']
]

for (const [name, trustProxy] of trusts) {
  testEach(`the caller is the same as directly, with trustProxy ${name}`, async (t, dispatch) => {
    const app = await listen(buildWho(t, dispatch, { trustProxy }))
    await compare(t, app)
    await compare(t, app, { headers: forwarded })
    await compare(t, app, { headers: { ...forwarded, host: 'virtual.example' }, localAddress: '127.0.0.9' })
  })
}

testEach('the address is never made up: 127.0.0.9 stays 127.0.0.9', async (t, dispatch) => {
  const app = await listen(buildWho(t, dispatch))
  t.match(await compare(t, app, { localAddress: '127.0.0.9' }), { ip: '127.0.0.9', connection: { remoteAddress: '127.0.0.9' } })
})

testEach('the caller is the same over https', async (t, dispatch) => {
  for (const trustProxy of [false, true]) {
    const app = await listen(buildWho(t, dispatch, { https: tls, trustProxy }))
    t.match(await compare(t, app), { protocol: 'https', connection: { encrypted: true, authorized: false } })
    await compare(t, app, { headers: { ...forwarded, 'x-forwarded-proto': 'http' } })
  }
})

testEach('the certificate of the client is there over https', async (t, dispatch) => {
  const app = buildWho(t, dispatch, {
    https: { ...tls, requestCert: true, rejectUnauthorized: false, ca: clientTls.cert }
  })
  app.get('/certificate', async request => {
    const socket = request.socket as import('node:tls').TLSSocket
    return { authorized: socket.authorized, name: socket.getPeerCertificate().subject?.CN ?? null }
  })
  await listen(app)

  const certificate = [{ method: 'get', url: '/certificate' }]
  const agent = new https.Agent({ ...clientTls })
  t.strictSame(JSON.parse((await sendBatch(app, certificate, { agent })).batch[0]!.body), { authorized: true, name: 'client ada' })
  t.strictSame(JSON.parse((await sendBatch(app, certificate)).batch[0]!.body), { authorized: false, name: null })
})

testEach('the caller is the same over HTTP/2', async (t, dispatch) => {
  const app = await listen(buildWho(t, dispatch, { http2: true, https: { ...tls, allowHTTP1: false } }))
  const session = http2.connect(`https://127.0.0.1:${(app.server.address() as AddressInfo).port}`, { rejectUnauthorized: false })
  t.teardown(() => { session.destroy() })
  const send = (headers: http2.OutgoingHttpHeaders, body?: string) => new Promise<any>((resolve, reject) => {
    const stream = session.request({ ':authority': 'two.example:443', ...headers })
    let text = ''
    stream.setEncoding('utf8').on('data', chunk => { text += chunk }).on('end', () => { resolve(JSON.parse(text)) })
    stream.on('error', reject).end(body)
  })

  const direct = await send({ ':path': '/who' })
  const { batch } = await send(
    { ':path': '/batch', ':method': 'POST', 'content-type': 'application/json' }, JSON.stringify({ batch: who })
  )
  t.match(direct, { host: 'two.example:443', protocol: 'https' })
  t.strictSame(JSON.parse(batch[0].body), direct)
})

testEach('over a unix socket there is no address', async (t, dispatch) => {
  for (const trustProxy of [false, true, 'loopback']) {
    const app = buildWho(t, dispatch, { trustProxy })
    const socketPath = join(tmpdir(), `batch-${process.pid}-${String(trustProxy)}-${dispatch}.sock`)
    await app.listen({ path: socketPath })
    const seen = await compare(t, app, { socketPath })
    t.notOk('ip' in seen)
    await compare(t, app, { socketPath, headers: forwarded })
  }
})

testEach('hooks that run before ours do not see a loopback address either', async (t, dispatch) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const seen: unknown[] = []
  app.addHook('onRequest', async request => { seen.push(request.ip) })
  app.register(batch, { executor: sequential({ dispatch }) })
  app.get('/', async request => String(request.ip))
  const socketPath = join(tmpdir(), `batch-${process.pid}-early-${dispatch}.sock`)
  await app.listen({ path: socketPath })

  const { batch: [answer] } = await sendBatch(app, [{ method: 'get', url: '/' }], { socketPath })
  // inject needs some address to begin with.
  t.strictSame(seen, [undefined, dispatch === 'inject' ? 'unknown' : undefined])
  t.equal(answer!.body, 'undefined')
})

testEach('after the client has gone, the address stays, and nothing further starts', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  const gone = latch()
  const started = latch()
  const seen: string[] = []
  app.server.on('connection', socket => { socket.on('close', () => { gone.open() }) })
  app.get('/first', async request => {
    started.open()
    await gone.promise
    seen.push(request.ip)
  })
  app.get('/second', async request => { seen.push(request.ip) })
  await listen(app)

  const { port } = app.server.address() as AddressInfo
  const socket = createConnection({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
  const body = JSON.stringify({ batch: [{ method: 'get', url: '/first' }, { method: 'get', url: '/second' }] })
  socket.write(`POST /batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await started.promise
  socket.destroy()
  await gone.promise
  await app.close()
  t.strictSame(seen, ['127.0.0.9'])
})

testEach('https says what subrequests see', async (t, dispatch) => {
  const plain = buildWho(t, dispatch, { trustProxy: true }, { https: true })
  plain.get('/certificate', async request => (request.socket as import('node:tls').TLSSocket).getPeerCertificate())
  await listen(plain)
  t.equal((await sendBatch(plain, [{ method: 'get', url: '/certificate' }])).batch[0]!.body, '{}')
  const [answer] = (await sendBatch(plain, who)).batch
  t.match(JSON.parse(answer!.body), { protocol: 'https', connection: { encrypted: true } })
  const [proxied] = (await sendBatch(plain, who, { headers: { 'x-forwarded-proto': 'http' } })).batch
  t.match(JSON.parse(proxied!.body), { protocol: 'https' })

  const secure = await listen(buildWho(t, dispatch, { https: tls, trustProxy: true }, { https: false }))
  const [downgraded] = (await sendBatch(secure, who, { headers: { 'x-forwarded-proto': 'https' } })).batch
  t.match(JSON.parse(downgraded!.body), { protocol: 'http' })
  t.notOk('encrypted' in JSON.parse(downgraded!.body).connection)
})

testEach('a batch without a host, as in HTTP/1.0, has subrequests without one', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.get('/host', async request => ({ host: request.host, has: 'host' in request.headers }))
  await listen(app)
  const body = JSON.stringify({ batch: [{ method: 'get', url: '/host' }] })
  const socket = createConnection({ port: (app.server.address() as AddressInfo).port, host: '127.0.0.1' })
  socket.end(`POST /batch HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  const { batch } = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
  t.strictSame(JSON.parse(batch[0].body), { host: '', has: false })
})
