import helmet from '@fastify/helmet'
import type { PluginTest } from './everywhere.ts'

export default {
  async app (app) {
    await app.register(helmet, { enableCSPNonces: true })
    app.get('/helmet', async (_request, reply) => reply.type('text/html').send(`<script nonce="${reply.cspNonce.script}">`))
    app.get('/helmet/framed', { helmet: { frameguard: { action: 'deny' } } }, async () => 'in')
    app.get('/helmet/bare', { helmet: false }, async () => 'in')
    app.get('/helmet/error', async () => { throw new Error('on purpose') })
  },

  async visit (t, visitor) {
    const urls = ['/helmet', '/helmet/framed', '/helmet/bare', '/helmet/error']
    const [page, framed, bare, error] = await visitor.send(urls.map(url => ({ method: 'GET', url })))
    const nonce = /nonce="(\w+)"/.exec(page!.body)![1]!
    t.match(page!.headers['content-security-policy'], `'nonce-${nonce}'`)
    t.match(framed!.headers, { 'x-frame-options': 'DENY' })
    t.notOk('x-frame-options' in bare!.headers)
    t.match(error, { status: 500, headers: { 'x-content-type-options': 'nosniff' } })
  },

  varying: /(?<=nonce[-=]"?)\w{32}/g
} satisfies PluginTest
