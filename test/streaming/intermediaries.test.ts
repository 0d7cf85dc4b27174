// What stands between the batch route and its client must not hold lines back.
import http2 from 'node:http2'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import zlib from 'node:zlib'
import compress, { type FastifyCompressOptions } from '@fastify/compress'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import t from 'tap'
import { request as undiciRequest, fetch as undiciFetch } from 'undici'
import plugin, { concurrent } from '../../lib/index.ts'
import { build, latch, listen, request, type Teardown } from '../helper.ts'
import { readLines, streamBatch, streamHeaders } from '../fixtures/lines.ts'
import { findNginx, startNginx } from '../fixtures/nginx.ts'
import { curlLines, findCurl } from '../fixtures/curl.ts'

const size = 4
const batch = Array.from({ length: size }, (_, n) => ({ method: 'get', url: `/${n}` }))

interface Held {
  readonly app: FastifyInstance
  readonly port: number
  /** Reads an answer, and lets an item be answered when the line of the one before has come, and not earlier. */
  check (lines: AsyncIterator<any>): Promise<void>
}

async function buildHeld (
  t: Teardown, options: FastifyServerOptions | object = {}, compression?: FastifyCompressOptions
): Promise<Held> {
  const app: FastifyInstance = Fastify(options)
  t.teardown(() => app.close())
  // It sees the routes that come after it.
  if (compression !== undefined) await app.register(compress, compression)
  app.register(plugin, { executor: concurrent({ limit: size }) })
  const latches = batch.map(() => latch())
  app.get('/:n', async request => {
    const { n } = request.params as { n: string }
    await latches[Number(n)]!.promise
    return `answer ${n}`
  })
  latches[0]!.open()
  await listen(app)
  return {
    app,
    port: (app.server.address() as AddressInfo).port,
    async check (lines) {
      for (let n = 0; n < size; n++) {
        const { value } = await lines.next()
        if (value.index !== n || value.body !== `answer ${n}`) throw new Error(`not the line of ${n}: ${JSON.stringify(value)}`)
        latches[n + 1]?.open()
      }
      const { value } = await lines.next()
      if (value.summary.ok !== size) throw new Error(`not the summary: ${JSON.stringify(value)}`)
      if (!(await lines.next()).done) throw new Error('more than the summary')
    }
  }
}

const iterator = ({ next }: { next: () => Promise<any> }) => ({
  async next () {
    const value = await next()
    return { value, done: value === undefined }
  }
})

const tls = {
  key: readFileSync(new URL('../fixtures/tls/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/tls/cert.pem', import.meta.url))
}

t.test('http and https', async t => {
  for (const options of [{}, { https: tls }]) {
    const { app, check } = await buildHeld(t, options)
    await check(iterator(await streamBatch(t, app, { batch })))
  }
})

t.test('http/2, with and without tls', async t => {
  for (const options of [{ http2: true }, { http2: true, https: tls }]) {
    const { port, check } = await buildHeld(t, options)
    const session = http2.connect(`${'https' in options ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false })
    t.teardown(() => { session.destroy() })
    const stream = session.request({ ':method': 'POST', ':path': '/batch', ...streamHeaders })
    stream.end(JSON.stringify({ batch }))
    await check(readLines(stream))
    session.close()
  }
})

t.test('fetch and request of Node and undici', async t => {
  const init = { method: 'POST', headers: streamHeaders, body: JSON.stringify({ batch }) } as const
  for (const open of [
    async (url: string) => (await fetch(url, init)).body!,
    async (url: string) => (await undiciFetch(url, init)).body!,
    async (url: string) => (await undiciRequest(url, init)).body
  ]) {
    const { port, check } = await buildHeld(t)
    await check(readLines(await open(`http://127.0.0.1:${port}/batch`)))
  }
})

const curl = findCurl()
t.test('curl', { skip: curl === undefined && 'THERE IS NO CURL HERE: it was not tested (apt-get install curl)' }, async t => {
  for (const [options, ...more] of [[{}], [{ http2: true }, '--http2-prior-knowledge'], [{}, '--compressed']] as const) {
    const { port, check } = await buildHeld(t, options)
    await check(readLines(curlLines(t, curl!, `http://127.0.0.1:${port}/batch`, { batch }, more)))
  }
})

t.test('@fastify/compress leaves lines alone by default, and compresses JSON', async t => {
  const { app, check } = await buildHeld(t, {}, { threshold: 0 })
  const headers = { 'accept-encoding': 'gzip, br' }
  const streamed = await streamBatch(t, app, { batch }, { headers })
  t.notOk('content-encoding' in streamed.headers)
  await check(iterator(streamed))

  const response = await request(app, {
    method: 'POST',
    path: '/batch',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ batch })
  })
  t.equal(response.headers['content-encoding'], 'br')
  t.equal(response.headers.vary, 'accept, accept-encoding')
})

t.test('@fastify/compress that is told to flush delivers compressed lines one by one', async t => {
  const { constants } = zlib
  for (const [encoding, decompress] of [['gzip', zlib.createGunzip], ['br', zlib.createBrotliDecompress]] as const) {
    const { app, check } = await buildHeld(t, {}, {
      customTypes: /x-ndjson$/,
      zlibOptions: { flush: constants.Z_SYNC_FLUSH },
      brotliOptions: { flush: constants.BROTLI_OPERATION_FLUSH }
    })
    const { headers, incoming } = await streamBatch(t, app, { batch }, { headers: { 'accept-encoding': encoding } })
    t.equal(headers['content-encoding'], encoding)
    await check(readLines(incoming.pipe(decompress())))
  }
})

const nginx = findNginx()
t.test('nginx', { skip: nginx === undefined && 'THERE IS NO NGINX HERE: it was not tested (apt-get install nginx)' }, async t => {
  for (const directives of ['', 'proxy_http_version 1.1;', 'gzip on; gzip_types application/x-ndjson; gzip_proxied any; gzip_min_length 1;']) {
    const { port, check } = await buildHeld(t)
    const socketPath = await startNginx(t, nginx!, port, directives)
    const options = { socketPath, headers: { 'accept-encoding': 'gzip' } }
    const { headers, incoming, next } = await streamBatch(t, { port }, { batch }, options)
    t.equal(headers['content-encoding'], directives.startsWith('gzip') ? 'gzip' : undefined)
    if (headers['content-encoding'] === undefined) await check(iterator({ next }))
    else await check(readLines(incoming.pipe(zlib.createGunzip())))
  }
})

t.test('a client of nginx that leaves stops the rest', { skip: nginx === undefined && 'no nginx' }, async t => {
  const app = build(t, { executor: concurrent({ limit: 2 }) })
  const aborted = latch()
  const runs: string[] = []
  app.get('/fast', async () => 'x')
  app.get('/wait/:n', request => {
    runs.push(request.url)
    request.signal.addEventListener('abort', () => { aborted.open() })
  })
  await listen(app)
  const { port } = app.server.address() as AddressInfo
  const socketPath = await startNginx(t, nginx!, port, '')
  const waiting = ['/fast', '/wait/1', '/wait/2', '/wait/3'].map(url => ({ method: 'get', url }))
  const { next, incoming } = await streamBatch(t, { port }, { batch: waiting }, { socketPath })
  t.match(await next(), { index: 0 })
  incoming.destroy()
  await aborted.promise
  t.strictSame(runs, ['/wait/1', '/wait/2'])
})

t.test('a connection that is cut is not taken for the end, whatever nginx makes of it', { skip: nginx === undefined && 'no nginx' }, async t => {
  for (const directives of ['', 'proxy_http_version 1.1;']) {
    const { app, port } = await buildHeld(t)
    const socketPath = await startNginx(t, nginx!, port, directives)
    const { next, rest } = await streamBatch(t, { port }, { batch }, { socketPath })
    t.match(await next(), { index: 0 })
    app.server.closeAllConnections()
    const lines = await rest().catch(() => [])
    for (const line of lines) t.notOk('summary' in line)
    await app.close()
  }
})
