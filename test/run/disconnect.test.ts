import { createConnection, type AddressInfo, type Socket } from 'node:net'
import http2 from 'node:http2'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { channels, concurrent, sequential, type SubrequestMessage } from '../../lib/index.ts'
import { build, injectBatch, latch, listen, testEach } from '../helper.ts'

/** Sends a batch on a socket that the test can break. */
function open (app: FastifyInstance, items: unknown[]): Socket {
  const body = JSON.stringify({ batch: items })
  const socket = createConnection((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(`POST /batch HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  return socket
}

const get = (url: string) => ({ method: 'get', url })

testEach('when the client goes, what runs is aborted and nothing further starts', async (t, dispatch) => {
  const app = build(t, { executor: concurrent({ limit: 2, dispatch }) })
  const started: string[] = []
  const bothStarted = latch()
  const aborted = [latch(), latch()]
  app.addHook('onRequestAbort', async request => { started.push(`${request.url} aborted`) })
  app.all('/wait/:n', request => {
    const n = Number((request.params as { n: string }).n)
    started.push(request.url)
    request.signal.addEventListener('abort', () => { aborted[n]!.open() })
    if (started.length === 2) bothStarted.open()
  })
  await listen(app)

  const socket = open(app, [
    get('/wait/0'), { method: 'post', url: '/wait/1', body: {} }, get('/wait/2'), get('/wait/3')
  ])
  await bothStarted.promise
  socket.destroy()
  await Promise.all(aborted.map(latch => latch.promise))
  await app.close()
  t.strictSame(started.sort(), ['/wait/0', '/wait/0 aborted', '/wait/1', '/wait/1 aborted'])
})

testEach('over HTTP/2 a stream that is reset counts as gone', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) }, { http2: true } as {})
  const started = latch()
  const aborted = latch()
  app.get('/wait', request => {
    request.signal.addEventListener('abort', () => { aborted.open() })
    started.open()
  })
  await listen(app)

  const session = http2.connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  const stream = session.request({ ':method': 'POST', ':path': '/batch', 'content-type': 'application/json' })
  stream.on('error', () => {})
  stream.end(JSON.stringify({ batch: [get('/wait')] }))
  await started.promise
  stream.close(http2.constants.NGHTTP2_CANCEL)
  await aborted.promise
  session.destroy()
})

for (const http2Server of [false, true]) {
  testEach(`a client that goes before its batch has begun starts nothing${http2Server ? ', over HTTP/2 too' : ''}`, async (t, dispatch) => {
    const arrived = latch()
    const gone = latch()
    const over = latch()
    const asyncEnd = () => { over.open() }
    channels.batch.asyncEnd.subscribe(asyncEnd)
    t.teardown(() => { channels.batch.asyncEnd.unsubscribe(asyncEnd) })
    const route = {
      preHandler: async (_request: unknown, reply: FastifyReply) => {
        reply.raw.once('close', () => { gone.open() })
        arrived.open()
        await gone.promise
      }
    }
    const app = build(t, { executor: sequential({ dispatch }), route }, http2Server ? { http2: true } as {} : {})
    let runs = 0
    app.get('/', async () => { runs++ })
    await listen(app)

    if (http2Server) {
      const session = http2.connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
      const stream = session.request({ ':method': 'POST', ':path': '/batch', 'content-type': 'application/json' })
      stream.on('error', () => {})
      stream.end(JSON.stringify({ batch: [get('/'), get('/')] }))
      await arrived.promise
      stream.close(http2.constants.NGHTTP2_CANCEL)
      await gone.promise
      session.close()
    } else {
      const socket = open(app, [get('/'), get('/')])
      await arrived.promise
      socket.destroy()
      await gone.promise
    }
    await over.promise
    t.equal(runs, 0)
  })
}

testEach('a handler that goes on is counted as abandoned', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), subrequestTimeout: 40 })
  const messages: SubrequestMessage[] = []
  const asyncEnd = (message: unknown) => { messages.push(message as SubrequestMessage) }
  channels.subrequest.asyncEnd.subscribe(asyncEnd)
  t.teardown(() => { channels.subrequest.asyncEnd.unsubscribe(asyncEnd) })
  app.get('/never', () => {})
  app.get('/fast', async () => 'fast')
  await injectBatch(app, [get('/never'), get('/fast')])
  t.strictSame(messages.map(({ url, result }) => [url, result!.abandoned]), [['/never', true], ['/fast', false]])
})
