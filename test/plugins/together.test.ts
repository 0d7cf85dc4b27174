// Many plugins on one root, under each dispatcher and over a real socket.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import express from '@fastify/express'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import middie from '@fastify/middie'
import multipart from '@fastify/multipart'
import rateLimit from '@fastify/rate-limit'
import sensible from '@fastify/sensible'
import session from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import batch, { sequential, type BatchItem } from '../../lib/index.ts'
import { listen, request, sendBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

const boundary = 'XX'
const form = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n` +
  `content-type: text/plain\r\n\r\nthe file\r\n--${boundary}--\r\n`

// What changes from answer to answer, or speaks of the connection.
const left = new Set([
  'connection', 'keep-alive', 'transfer-encoding', 'date', 'batch_requests.duration',
  'x-ratelimit-remaining', 'x-ratelimit-reset'
])

const items: BatchItem[] = [
  { method: 'GET', url: '/cookie', headers: {} },
  { method: 'GET', url: '/session' },
  { method: 'GET', url: '/jwt', headers: { authorization: 'Bearer wrong' } },
  { method: 'GET', url: '/json', headers: { 'access-control-request-method': 'GET' } },
  { method: 'OPTIONS', url: '/json', headers: { 'access-control-request-method': 'GET' } },
  { method: 'GET', url: '/json' },
  { method: 'GET', url: '/json', headers: { 'if-none-match': '"no"' } },
  { method: 'HEAD', url: '/json' },
  { method: 'GET', url: '/sensible' },
  { method: 'GET', url: '/nowhere' },
  { method: 'GET', url: '/middleware' },
  { method: 'GET', url: '/middleware/raw' },
  { method: 'POST', url: '/form', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=b&c=d' },
  { method: 'POST', url: '/upload', headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body: form },
  { method: 'POST', url: '/json', body: { a: 1 } }
]

type Loose<Message> = Message & Record<string, any>
type Middleware = (
  path: string,
  handler: (req: Loose<IncomingMessage>, res: Loose<ServerResponse>, next: () => void) => void
) => void

type AddMiddleware = (app: FastifyInstance) => Promise<void>

async function buildPlugged (t: Teardown, dispatch: Dispatch, middleware: AddMiddleware): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(batch, { executor: sequential({ dispatch }), setCookie: 'expose' })
  await app.register(helmet)
  await app.register(cors, { origin: true, credentials: true })
  await app.register(cookie)
  await app.register(session, { secret: 'x'.repeat(32), cookie: { secure: false }, saveUninitialized: false })
  await app.register(jwt, { secret: 'secret' })
  await app.register(rateLimit, { max: 1000 })
  await app.register(compress, { threshold: 0 })
  await app.register(etag)
  await app.register(sensible)
  await app.register(formbody)
  await app.register(multipart)
  await middleware(app)

  app.get('/cookie', async (request, reply) => reply.setCookie('seen', 'yes', { path: '/' }).send(request.cookies))
  app.get('/session', async request => ({ views: request.session.get('views' as never) ?? null }))
  app.get('/jwt', { onRequest: async request => { await request.jwtVerify() } }, async () => 'in')
  const json = async ({ body = null, ip }: FastifyRequest) => ({ body, ip })
  app.route({ method: ['GET', 'POST'], url: '/json', handler: json })
  app.get('/sensible', async (_request, reply) => reply.imateapot())
  app.post('/form', async request => request.body)
  app.post('/upload', async request => {
    const file = await request.file()
    return { name: file!.filename, text: String(await file!.toBuffer()) }
  })
  return listen(app)
}

/** Adds a middleware that marks what passes it, and gives the way to add others. */
function useMarker (app: FastifyInstance): Middleware {
  const use: Middleware = app.use.bind(app)
  use('/middleware', (_req, res, next) => {
    res.setHeader('x-middleware', 'yes')
    next()
  })
  return use
}

const middlewares: Record<string, AddMiddleware> = {
  'none of its own': async () => {},
  '@fastify/middie': async app => {
    await app.register(middie)
    const use = useMarker(app)
    use('/middleware/raw', (_req, res) => { res.writeHead(202, { 'content-length': 8 }).end('answered') })
  },
  '@fastify/express': async app => {
    await app.register(express)
    const use = useMarker(app)
    use('/middleware/raw', (req, res) => {
      res.status(202).json({ url: req.originalUrl, ip: req.ip })
    })
  }
}

for (const [name, middleware] of Object.entries(middlewares)) {
  testEach(`plugins do what they do over a socket, with middleware: ${name}`, async (t, dispatch) => {
    const app = await buildPlugged(t, dispatch, middleware)
    const { batch: answers } = await sendBatch(app, items, { headers: { cookie: 'a=b', origin: 'https://app.example' } })
    for (const [index, { method, url, headers, body }] of items.entries()) {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
      const over = await request(app, {
        method,
        path: url,
        headers: {
          cookie: 'a=b',
          origin: 'https://app.example',
          ...text !== undefined && { 'content-type': 'application/json', 'content-length': text.length },
          ...headers
        },
        body: text
      })
      const answer = answers[index]!
      t.strictSame(
        { status: answer.status_code, headers: kept(answer.headers), body: answer.body },
        { status: over.status, headers: kept(over.headers), body: over.body.toString() },
        `${method} ${url}`
      )
    }
  })
}

testEach('what enterWith enters stays with its subrequest, whatever plugins are there', async (t, dispatch) => {
  const storage = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const app = await buildPlugged(t, dispatch, async app => {
    app.addHook('onRequest', (request, _reply, done) => {
      seen.push(storage.getStore())
      if (request.batch !== null) storage.enterWith(request.url)
      done()
    })
  })
  await sendBatch(app, items)
  // A preflight request is answered before that hook.
  t.strictSame(seen, Array(items.length).fill(undefined))
})

function kept (headers: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !left.has(name)).map(([name, value]) => (
    [name, Array.isArray(value) && value.length === 1 ? value[0] : value]
  )))
}
