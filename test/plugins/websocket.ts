import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import batch, { sequential } from '../../lib/index.ts'
import { dispatches, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }

async function withSockets (app: FastifyInstance): Promise<void> {
  // As other plugins do, it wraps the handlers of all routes that come after it: the batch route, too.
  await app.register(websocket)
  app.get('/websocket', { websocket: true }, (socket, { batch }) => {
    socket.on('message', message => { socket.send(`${String(message)} ${String(batch)}`) })
  })
  app.route({
    method: 'GET',
    url: '/websocket/both',
    handler: async request => ({ ws: request.ws }),
    wsHandler: socket => { socket.send('over a socket') }
  })
  app.post('/websocket/plain', async request => ({ ws: request.ws, body: request.body }))
}

async function messageFrom (app: FastifyInstance, path: string, message: string): Promise<string> {
  const client = new WebSocket(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}${path}`)
  client.on('open', () => { client.send(message) })
  const [data] = await once(client, 'message')
  client.terminate()
  return String(data)
}

export default {
  app: withSockets,

  async visit (t, visitor) {
    const answers = await visitor.send([
      ...['GET', 'HEAD'].flatMap(method => ['/websocket', '/websocket/both'].map(url => ({ method, url }))),
      { method: 'POST', url: '/websocket/plain', body: { a: 1 } }
    ])
    t.strictSame(answers.map(({ status }) => status), [404, 200, 404, 200, 200])
    t.strictSame(JSON.parse(answers[4]!.body), { ws: false, body: { a: 1 } })
  },

  async also (t) {
    for (const dispatch of dispatches) {
      const app = Fastify()
      t.teardown(() => app.close())
      await withSockets(app)
      app.register(batch, { executor: sequential({ dispatch }), durationHeader: false })
      await listen(app)

      for (const url of ['/websocket', '/websocket/both']) {
        const item = { method: 'GET', url }
        const { batch: [plain, asking] } = await sendBatch(app, [item, { ...item, headers: upgrade }])
        t.strictSame(asking, plain, 'an item has no connection that could become a WebSocket')
      }
      const headers = { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
      const { status, json } = await sendBatch(app, [{ method: 'GET', url: '/websocket', headers }])
      t.match({ status, json }, { status: 400, json: { code: 'FST_BATCH_PROTECTED_HEADER' } })

      const [first, , second] = await Promise.all([
        messageFrom(app, '/websocket', 'a'),
        sendBatch(app, [{ method: 'GET', url: '/websocket' }, { method: 'GET', url: '/websocket/both' }]),
        messageFrom(app, '/websocket/both', 'b')
      ])
      t.strictSame([first, second], ['a null', 'over a socket'], 'WebSockets beside a batch work')
    }
  }
} satisfies PluginTest
