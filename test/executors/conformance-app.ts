import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** The routes that the conformance suite calls. */
export const conformanceApp = fp(async (app: FastifyInstance) => {
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  app.addHook('onRequest', async (_request, reply) => { reply.header('x-app', 'yes') })

  app.get('/text', async () => 'täxt')
  app.post('/echo', async request => request.body)
  app.post('/length', async request => String((request.body as Buffer | undefined)?.length ?? 'none'))
  app.delete('/nothing', async (_request, reply) => { reply.code(204) })
  app.get('/throw', async () => { throw Object.assign(new Error('thrown'), { statusCode: 422 }) })
  app.get('/cookies', async (_request, reply) => reply.header('set-cookie', ['a=1', 'b=2; HttpOnly']).send('set'))
  app.get('/who', async ({ ip, host, protocol, url, headers, batch }) => {
    const { authorization, cookie, 'x-own': own } = headers
    return { ip, host, protocol, url, authorization, cookie, own, batch }
  })
  app.all('/never', () => {})
  app.get('/reset', (_request, reply) => {
    reply.hijack()
    reply.raw.destroy()
  })
  app.get('/informational', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(103)
    reply.raw.end()
  })
  app.get('/large', async () => 'x'.repeat(100_001))
  app.get('/endless', (_request, reply) => {
    reply.send(new Readable({ read () { this.push('x'.repeat(1000)) } }))
  })
  app.get('/closed', { config: { batch: false } }, async () => 'closed')
})
