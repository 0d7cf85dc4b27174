// The app that is attacked: in this process, in workers and at an upstream.
import { appendFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import batch, { type BatchOptions } from '../../../lib/index.ts'

export interface AttackedOptions {
  /** The file that is told, a line each, what reached a handler and what became of it. */
  readonly ledger: string
  /** The file that the app logs to. */
  readonly log: string
  readonly batch?: BatchOptions
}

/** The peer that proxies are expected at. All others are clients. */
export const proxy = '127.0.0.1'

const chunk = Buffer.alloc(65_536, 'x')

export default async function build (options: AttackedOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: { file: options.log },
    trustProxy: proxy,
    forceCloseConnections: true,
    pluginTimeout: 100_000,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false },
    rewriteUrl: ({ url }) => ({ '/alias': '/batch', '/alias-closed': '/closed' })[url!] ?? url!
  })
  const note = (line: string) => { appendFileSync(options.ledger, `${line}\n`) }
  app.addHook('preHandler', async ({ routeOptions: { url } }) => {
    if (url !== undefined && url !== '/batch' && url !== '/pid') note(`ran ${url}`)
  })
  await app.register(rateLimit, { global: false, allowList: [proxy] })
  app.register(batch, options.batch ?? {})

  app.get('/pid', async () => String(process.pid))
  app.all('/any', async () => 'any')
  app.get('/closed', { config: { batch: false } }, async () => 'closed')
  app.all('/echo', async request => request.body)
  app.post('/framing', async ({ headers, body }) => ({
    length: headers['content-length'], body, odd: ['transfer-encoding', 'upgrade', 'expect', 'te', 'trailer'].filter(name => name in headers)
  }))
  app.get('/prototype', async () => Object.keys(Object.prototype))

  app.get('/who', async ({ ip, host, hostname, protocol }) => ({ ip, host, hostname, protocol }))
  const loopbackOnly = { onRequest: async ({ ip }: FastifyRequest) => { if (ip !== '127.0.0.1') throw refusal(403) } }
  app.get('/internal', loopbackOnly, async () => 'internal')
  app.get('/left', request => {
    request.signal.addEventListener('abort', () => {
      setImmediate(() => { note(`left by ${request.ip}`) })
    })
    note('waits')
  })
  app.post('/login', { config: { rateLimit: { max: 5, timeWindow: 600_000 } } }, async () => 'welcome')
  app.get('/me', {
    onRequest: async ({ headers }) => { if (headers.authorization !== 'Bearer ada') throw refusal(401) }
  }, async () => 'ada')
  app.get('/cookie', async (_request, reply) => {
    reply.header('set-cookie', 'session=secret-value; Path=/; HttpOnly')
    return reply.header('cache-control', 'public, max-age=600').send('set')
  })
  app.get('/indirect', async () => {
    await new Promise(setImmediate)
    return (await app.inject({ method: 'POST', url: '/batch', payload: { batch: [{ method: 'get', url: '/any' }] } })).payload
  })

  app.addHook('onRequest', async ({ routeOptions: { url } }, reply) => {
    if (['/never', '/hijacked', '/stalled'].includes(url!)) reply.raw.on('close', () => { note(`closed ${url}`) })
  })
  const whenAborted = ({ signal, routeOptions: { url } }: FastifyRequest) => {
    signal.addEventListener('abort', () => { note(`aborted ${url}`) })
  }
  app.all('/never', request => { whenAborted(request) })
  app.all('/hijacked', (_request, reply) => { reply.hijack() })
  app.all('/stalled', (request, reply) => {
    whenAborted(request)
    const stream = new Readable({ read () {} })
    stream.push('begun')
    reply.send(stream)
  })

  app.get('/response-destroyed', (_request, reply) => {
    reply.hijack()
    reply.raw.destroy()
  })
  app.get('/socket-destroyed', (request, reply) => {
    reply.hijack()
    request.socket.destroy()
  })
  app.get('/stream-error', (_request, reply) => {
    const stream = new Readable({ read () {} })
    stream.push('begun')
    reply.send(stream)
    setImmediate(() => { stream.destroy(new Error('in the middle')) })
  })
  for (const status of [100, 101, 102, 103]) {
    app.get(`/final-${status}`, (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(status)
      reply.raw.end()
    })
  }
  app.get('/split-header', async (_request, reply) => reply.header('x-split', 'a\r\nset-cookie: b=1').send('x'))
  app.get('/split-reason', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, 'a\r\nset-cookie: b=1')
    reply.raw.end()
  })
  app.get('/throw-null', async () => { throw null }) // eslint-disable-line no-throw-literal
  app.get('/throw-text', async () => { throw 'text' }) // eslint-disable-line no-throw-literal

  app.get<{ Querystring: { chunks?: number } }>('/large', ({ query: { chunks = Infinity } }, reply) => {
    let produced = 0
    reply.send(new Readable({
      read () {
        this.push(produced++ < Number(chunks) ? chunk : null)
      },
      destroy (error, callback) {
        note(`produced ${produced}`)
        callback(error)
      }
    }))
  })
  app.get('/deep', async (_request, reply) => reply.type('application/json').send('['.repeat(200_000) + ']'.repeat(200_000)))
  return app
}

function refusal (statusCode: number): Error {
  return Object.assign(new Error('not for you'), { statusCode })
}
