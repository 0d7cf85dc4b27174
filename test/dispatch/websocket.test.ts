// Routes of @fastify/websocket as items: an item has no connection that could become a WebSocket.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import batch, { sequential } from '../../lib/index.ts'
import { listen, request, sendBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }

async function buildSockets (t: Teardown, dispatch: Dispatch): Promise<FastifyInstance> {
  const app = Fastify({ exposeHeadRoutes: true })
  t.teardown(() => app.close())
  // As other plugins do, it wraps the handlers of all routes that come after it: the batch route, too.
  await app.register(websocket)
  app.register(batch, { executor: sequential({ dispatch }), subrequestTimeout: 2000 })
  app.get('/socket', { websocket: true }, (socket, { batch }) => {
    socket.on('message', message => { socket.send(`${String(message)} ${String(batch)}`) })
  })
  app.route({
    method: 'GET',
    url: '/both',
    handler: async request => ({ ws: request.ws }),
    wsHandler: socket => { socket.send('over a socket') }
  })
  app.post('/plain', async request => ({ ws: request.ws, body: request.body }))
  return listen(app)
}

async function messageFrom (app: FastifyInstance, path: string, message: string): Promise<string> {
  const client = new WebSocket(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}${path}`)
  client.on('open', () => { client.send(message) })
  const [data] = await once(client, 'message')
  client.terminate()
  return String(data)
}

testEach('an item gets what a request gets that asks for no upgrade', async (t, dispatch) => {
  const app = await buildSockets(t, dispatch)
  for (const method of ['GET', 'HEAD']) {
    for (const path of ['/socket', '/both']) {
      const over = await request(app, { method, path })
      const { batch } = await sendBatch(app, [{ method, url: path }, { method, url: path, headers: upgrade }])
      for (const answer of batch) {
        t.equal(answer.status_code, over.status, `${method} ${path}`)
        t.equal(answer.body, over.body.toString())
      }
    }
  }
  const { batch: [plain] } = await sendBatch(app, [{ method: 'POST', url: '/plain', headers: upgrade, body: { a: 1 } }])
  t.strictSame(JSON.parse(plain!.body), { ws: false, body: { a: 1 } })
})

testEach('an item cannot carry the key of an upgrade', async (t, dispatch) => {
  const app = await buildSockets(t, dispatch)
  const headers = { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }
  const { status, json } = await sendBatch(app, [{ method: 'GET', url: '/socket', headers }])
  t.equal(status, 400)
  t.match(json, { code: 'FST_BATCH_PROTECTED_HEADER' })
})

testEach('WebSockets beside a batch work', async (t, dispatch) => {
  const app = await buildSockets(t, dispatch)
  const [first, , second] = await Promise.all([
    messageFrom(app, '/socket', 'a'),
    sendBatch(app, [{ method: 'GET', url: '/socket' }, { method: 'GET', url: '/both' }]),
    messageFrom(app, '/both', 'b')
  ])
  t.equal(first, 'a null')
  t.equal(second, 'over a socket')
})
