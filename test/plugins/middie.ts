import type { IncomingMessage, ServerResponse } from 'node:http'
import middie from '@fastify/middie'
import type { PluginTest } from './everywhere.ts'

// The types of @fastify/express are there as well, and name the same method.
type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: Error) => void) => void

export default {
  async app (app) {
    await app.register(middie)
    const use: (path: string, middleware: Middleware) => void = app.use.bind(app)
    use('/middie', (_req, res, next) => {
      res.setHeader('x-middleware', 'yes')
      next()
    })
    use('/middie/answered', (req, res) => { res.end(`${req.method} ${req.url} of ${req.socket.remoteAddress}`) })
    use('/middie/failed', (_req, _res, next) => { next(new Error('on purpose')) })
    for (const url of ['/middie', '/middie/answered', '/middie/failed']) app.get(url, async () => 'from the handler')
  },

  async visit (t, visitor) {
    const urls = ['/middie', '/middie/answered?a=b', '/middie/failed']
    const [passed, answered, failed] = await visitor.send(urls.map(url => ({ method: 'GET', url })))
    t.match(passed, { status: 200, headers: { 'x-middleware': 'yes' }, body: 'from the handler' })
    t.match(answered, { status: 200, headers: { 'x-middleware': 'yes' }, body: 'GET /?a=b of 127.0.0.1' })
    t.equal(failed!.status, 500)
  },

  // What a handler ends by itself has a length over a socket and by `direct`: docs/dispatch.md.
  varying: /^content-length: .*\n/m
} satisfies PluginTest
