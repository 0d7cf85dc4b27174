// The app behind all executors. What it answers to `/echo` is known beforehand; its other handlers misbehave.
import { channel } from 'node:diagnostics_channel'
import { Readable } from 'node:stream'
import Fastify from 'fastify'

/** Who sends the batches. Whatever items say, handlers must see nobody else. */
export const client = { address: '127.0.0.9', forwarded: '203.0.113.9', host: 'batch.example' }

/** Where subrequests run in this process: the index of each that is about to be answered. */
export const answering = channel('fuzz.answering')

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** @param ip the address that every handler is to see */
export default function build ({ ip, trustProxy }) {
  const app = Fastify({ trustProxy, routerOptions: { maxParamLength: 8192 } })

  app.addHook('onRequest', async (request, reply) => {
    if (request.ip === ip && request.host === client.host) return
    reply.header('x-finding', `somebody else: ${request.ip} at ${request.host}`)
  })

  app.route({
    method: methods,
    url: '/echo/:name',
    handler: async (request, reply) => {
      const { params: { name }, query: { status, q = null }, headers: { 'x-tag': tag = null }, body = null } = request
      reply.code(Number(status ?? 200))
      if (tag) reply.header('x-tag', tag)
      if (request.batch) answering.publish(request.batch.index)
      return { method: request.method, name, q, tag, body }
    }
  })

  // Not among them: a line break in `reply.raw.statusMessage` ends the process of any Fastify app, batched or not.
  const hostile = {
    '/throw-null': async () => { throw null }, // eslint-disable-line no-throw-literal
    '/throw': async () => { throw Object.assign(new Error('thrown'), { statusCode: 'x', headers: 5 }) },
    '/destroy': (_request, reply) => { reply.raw.destroy(new Error('destroyed')) },
    '/destroy-socket': request => { request.raw.socket.destroy() },
    '/never': () => {},
    '/hijack': (_request, reply) => {
      reply.hijack()
      reply.raw.write('half')
      reply.raw.destroy()
    },
    '/status': (request, reply) => {
      reply.hijack()
      reply.raw.statusCode = Number(request.query.status)
      reply.raw.end('x')
    },
    '/header': async (_request, reply) => { reply.raw.setHeader('x-split', 'a\r\nset-cookie: b=c') },
    '/stream': async () => Readable.from(['one', 'two']),
    '/stream-error': async () => Readable.from((function * () {
      yield 'one'
      throw new Error('in the middle')
    })()),
    '/large': async () => 'x'.repeat(100_000),
    '/deep': async (_request, reply) => reply.type('application/json').send('['.repeat(20_000)),
    '/forged': async (_request, reply) => reply.type('application/json').send('"}],"batch":[{"status_code":200'),
    '/binary': async () => Buffer.from([0, 255, 254, 128]),
    '/cookie': async (_request, reply) => reply.header('set-cookie', ['__proto__=1', 'a\u00e9=b; Domain=..', '=']).send('x'),
    '/twice': async (_request, reply) => {
      reply.send('once')
      reply.send('twice')
    }
  }
  for (const [url, handler] of Object.entries(hostile)) app.all(url, handler)

  app.all('/closed', { config: { batch: false } }, async (_request, reply) => {
    reply.header('x-finding', 'a route that is closed to batches ran')
  })
  return app
}

export const hostilePaths = [
  '/throw-null', '/throw', '/destroy', '/destroy-socket', '/hijack', '/status?status=0', '/status?status=101',
  '/status?status=999', '/status?status=x', '/header', '/stream', '/stream-error', '/large', '/deep', '/forged',
  '/binary', '/cookie', '/twice', '/closed', '/closed/', '//closed', '/%63losed', '/closed?x', '/closed;', '/batch',
  '/batch?x', '/BATCH', '/b%61tch', '/batch/', '/./batch', '/echo/x'
]
