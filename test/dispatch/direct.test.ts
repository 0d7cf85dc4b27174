// What the direct dispatcher does that no request over a socket shows: limits, cancellation, isolation.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { concurrent, sequential, type ExecutionContext, type Subrequest, type Subresponse } from '../../lib/index.ts'
import { build, injectBatch, latch, listen, sendBatch } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })
const executor = sequential({ dispatch: 'direct' })

const subrequest: Subrequest = {
  method: 'GET',
  url: '/',
  headers: { host: 'a.example' },
  body: undefined,
  connection: {},
  origin: { host: 'a.example', protocol: 'http' },
  batch: { requestId: '1', index: 0, size: 1, deadline: 0 },
  route: '/batch'
}

interface Started {
  readonly answered: Promise<Subresponse>
  abort (): void
}

/** Hands a subrequest to a handler without an app. */
function start (
  routing: (req: IncomingMessage, res: ServerResponse) => void, given: Partial<Subrequest> = {}, maxResponseBytes = 1000
): Started {
  let abort = () => {}
  const context: ExecutionContext = {
    app: { server: createServer(), routing } as unknown as FastifyInstance,
    maxResponseBytes,
    signal: new AbortController().signal,
    onAbort (listener) { abort = () => { listener(new Error('aborted')) } }
  }
  return { answered: executor.execute({ ...subrequest, ...given }, context), abort: () => { abort() } }
}

t.test('request and response are what Node.js makes', async t => {
  const app = build(t, { executor })
  app.get('/', async ({ raw }, reply) => {
    t.equal(Object.getPrototypeOf(raw), IncomingMessage.prototype)
    t.equal(Object.getPrototypeOf(reply.raw), ServerResponse.prototype)
    return 'x'
  })
  t.equal((await injectBatch(app, [get('/')])).batch[0]!.body, 'x')
})

t.test('what runs when an item was answered has run before the next one starts', async t => {
  const app = build(t, { executor })
  const order: string[] = []
  app.addHook('onRequest', async ({ url }) => { order.push(`onRequest ${url}`) })
  app.addHook('onResponse', async ({ url }) => { order.push(`onResponse ${url}`) })
  app.get('/:name', async ({ url }) => url)
  await injectBatch(app, [get('/a'), get('/b')])
  t.strictSame(order, ['onRequest /batch', 'onRequest /a', 'onResponse /a', 'onRequest /b', 'onResponse /b', 'onResponse /batch'])
})

t.test('a context that is entered in a subrequest reaches neither its siblings nor the batch', async t => {
  const storage = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  for (const executor of [sequential({ dispatch: 'direct' }), concurrent({ dispatch: 'direct' })]) {
    const app = build(t, { executor, route: { onSend: async () => { seen.push(storage.getStore()) } } })
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.batch !== null) {
        seen.push(storage.getStore())
        storage.enterWith(request.url)
      }
      done()
    })
    app.get('/:name', async request => {
      await new Promise(setImmediate)
      t.equal(storage.getStore(), request.url)
    })
    await injectBatch(app, [get('/a'), get('/b'), get('/c')])
  }
  t.strictSame(seen, Array(8).fill(undefined))
})

t.test('who listens to a response after its end is heard of, in the context of the end', async t => {
  const storage = new AsyncLocalStorage<string>()
  const app = build(t, { executor })
  const heard: unknown[] = []
  const listen = (raw: ServerResponse, event: string, url: string) => {
    raw.on(event, () => { heard.push([url, storage.getStore()]) })
  }
  const answer = (raw: ServerResponse) => { raw.writeHead(200, { 'content-length': '1' }).end('x') }
  app.get('/at-once/:event', ({ url, params }, { raw }) => storage.run(url, () => {
    answer(raw)
    listen(raw, (params as { event: string }).event, url)
  }))
  // Before the end, but after that of the item before.
  app.get('/in-a-tick/:event', ({ url, params }, { raw }) => storage.run(url, () => {
    process.nextTick(listen, raw, (params as { event: string }).event, url)
    answer(raw)
  }))
  const urls = ['/at-once/finish', '/at-once/close', '/in-a-tick/finish', '/in-a-tick/close']
  await injectBatch(app, urls.map(get))
  await new Promise(setImmediate)
  t.strictSame(heard.sort(), urls.map(url => [url, url]).sort())
})

t.test('who replaces the end of all responses sees these end as well', async t => {
  const app = build(t, { executor })
  app.get('/', async () => 'x')
  await app.ready()
  const ended: unknown[] = []
  const { end } = ServerResponse.prototype
  t.teardown(() => { ServerResponse.prototype.end = end })
  ServerResponse.prototype.end = function (this: ServerResponse, ...given: Parameters<typeof end>) {
    ended.push(given[0])
    return end.apply(this, given)
  } as typeof end
  const context = { app, maxResponseBytes: 9, onAbort () {} } as unknown as ExecutionContext
  const { status, body } = await executor.execute(subrequest, context)
  t.strictSame([status, body, ended], [200, 'x', ['x']])
})

t.test('what runs when nobody waits any more comes to an end, whatever it does', async t => {
  const phases: Record<string, (req: IncomingMessage, res: ServerResponse, body: Readable) => void> = {
    'waiting for something': () => {},
    'reading the body': req => { req.on('data', () => {}) },
    'when the body was read': req => { req.resume() },
    'streaming the answer': (_req, res, body) => { body.pipe(res) },
    'in the middle of an answer': (_req, res) => { res.write('begun') },
    'behind a full buffer': (_req, res) => { while (res.write('x'.repeat(100))); },
    'with an end that is under way': (_req, res) => { setImmediate(() => { res.end('x') }) }
  }
  for (const [phase, handler] of Object.entries(phases)) {
    for (const body of [undefined, Buffer.from('body')]) {
      const events: string[] = []
      const source = new Readable({ read () {} })
      let message!: IncomingMessage
      const { answered, abort } = start((req, res) => {
        message = req
        req.on('aborted', () => events.push('aborted')).on('close', () => events.push('request'))
        res.on('close', () => events.push('response')).on('finish', () => events.push('finish'))
        res.on('close', () => { source.destroy() })
        handler(req, res, source)
      }, { method: 'POST', body }, 1_000_000)
      await new Promise(setImmediate)
      const before = events.length
      abort()
      abort()
      t.ok(events.includes('response'), `${phase}: the response is told at once`)
      await answered
      await new Promise(setImmediate)
      if (events.includes('finish')) continue
      t.ok(events.slice(before).includes('aborted') && events.slice(before).includes('request'), `${phase}: so is the request`)
      t.equal(message.aborted, true)
      t.equal(source.destroyed, true)
    }
  }
})

t.test('an abort between an end and what follows it does no harm', async t => {
  let closes = 0
  let abort = () => {}
  const { answered, abort: abortIt } = start((_req, res) => {
    res.on('close', () => closes++)
    res.end('x')
    abort()
  })
  abort = abortIt
  abortIt()
  t.match(await answered, { status: 502 })
  await new Promise(setImmediate)
  t.equal(closes, 1)
})

t.test('an abort before the app is reached keeps it from starting', async t => {
  let runs = 0
  const answered = executor.execute(subrequest, {
    app: { server: createServer(), routing: () => { runs++ } } as unknown as FastifyInstance,
    maxResponseBytes: 1000,
    signal: AbortSignal.abort(),
    onAbort (listener) { listener(new Error('aborted')) }
  })
  t.match(await answered, { status: 502, outcome: 'unknown' })
  t.equal(runs, 0)
})

t.test('what a handler destroys itself is not aborted again', async t => {
  let closes = 0
  const { answered, abort } = start(req => {
    req.socket.on('close', () => { closes++ })
    req.socket.destroySoon()
  })
  abort()
  t.match(await answered, { status: 502 })
  await new Promise(setImmediate)
  t.equal(closes, 1)
})

t.test('an answer that is written without an end, or without a look at what write says, is broken off', async t => {
  const written: boolean[] = []
  const { answered } = start((_req, res) => {
    for (let i = 0; i < 100; i++) written.push(res.write('x'.repeat(100)))
  })
  t.match(await answered, { status: 502, outcome: 'unknown', body: /FST_BATCH_RESPONSE_TOO_LARGE/ })
  t.strictSame(written.slice(0, 12), [...Array(10).fill(true), false, false])
  t.notOk(written.slice(12).includes(true))
})

t.test('a source waits for drain, so that others get their turns', async t => {
  const turns: number[] = []
  let produced = 0
  const source = new Readable({
    read () {
      produced += 10_000
      this.push(produced > 1_000_000 ? null : Buffer.alloc(10_000))
    }
  })
  const { answered } = start((_req, res) => {
    source.pipe(res)
    const watch = () => {
      turns.push(produced)
      if (!res.writableFinished) setImmediate(watch)
    }
    watch()
  }, {}, 2_000_000)
  const { body } = await answered
  t.equal(Buffer.byteLength(body), 1_000_000)
  const steps = turns.slice(1).map((bytes, i) => bytes - turns[i]!)
  t.ok(Math.max(...steps) < 300_000, `at most ${Math.max(...steps)} bytes in a turn`)
})

t.test('an end takes the drain with it', async t => {
  let drained = false
  const { answered } = start((_req, res) => {
    res.on('drain', () => { drained = true })
    res.write(Buffer.alloc(100_000))
    res.write(Buffer.alloc(100_000))
    setImmediate(() => { res.end() })
    res.end()
  }, {}, 1_000_000)
  t.equal(Buffer.byteLength((await answered).body), 200_000)
  await new Promise(setImmediate)
  t.notOk(drained)
})

t.test('onTimeout hooks run, and a request that is read no further hears of it as well', async t => {
  const app = build(t, { executor })
  const heard: string[] = []
  app.addHook('onTimeout', async request => { heard.push(request.url) })
  app.get('/socket', request => { request.socket.setTimeout(5) })
  await listen(app)
  const { batch: [answer] } = await sendBatch(app, [get('/socket')])
  t.match(answer, { status_code: 502, body: /FST_BATCH_CONNECTION_RESET/ })
  t.strictSame(heard, ['/socket'])

  const timedOut = latch()
  const { answered } = start((req, res) => {
    req.on('timeout', () => {
      timedOut.open()
      res.end('heard')
    })
    req.socket.setTimeout(1)
    // As if its body were still on the way.
    process.nextTick(() => { req.complete = false })
  })
  await timedOut.promise
  t.equal(String((await answered).body), 'heard')
})

t.test('a socket that is kept beyond its answer harms nobody', async t => {
  // As that of any socket, its timer does not keep the process alive.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => { clearInterval(alive) })
  const closed = latch()
  const { answered } = start((req, res) => {
    const { socket } = req
    socket.on('close', () => { closed.open() })
    res.on('close', () => { socket.setTimeout(1) })
    res.end('x')
  })
  t.equal(String((await answered).body), 'x')
  await closed.promise
})

t.test('what is sent to the socket by hand is no answer', async t => {
  const { answered } = start((req, res) => {
    req.socket.write('HTTP/1.1 200 Smuggled\r\n\r\n', () => { res.end('x') })
  })
  t.match(await answered, { status: 200, reason: 'OK' })
})

t.test('a header that has no value is none', async t => {
  const { answered } = start((_req, res) => { res.writeHead(200, Object.create({ inherited: 'x' }, {})).end('x') })
  t.strictSame({ ...(await answered).headers }, {})
})

t.test('a source that fails in the middle is a reset', async t => {
  const app = build(t, { executor })
  app.get('/', (_request, reply) => {
    reply.send(Readable.from((async function * () {
      yield 'begun'
      throw new Error('source')
    })()))
  })
  t.match((await injectBatch(app, [get('/')])).batch[0], { status_code: 502, outcome: 'unknown' })
})

t.test('a body is a stream that waits for its reader', async t => {
  const app = build(t, { executor, route: { bodyLimit: 2 ** 22 } }, { bodyLimit: 2 ** 22 })
  app.addContentTypeParser('x/y', (_request, payload, done) => { done(null, payload) })
  app.post('/', async request => {
    const payload = request.body as Readable
    payload.pause()
    setImmediate(() => { payload.resume() })
    let bytes = 0
    payload.on('data', chunk => { bytes += chunk.length })
    await once(payload, 'end')
    return String(bytes)
  })
  const { batch: [answer] } = await injectBatch(app, [{
    method: 'post', url: '/', headers: { 'content-type': 'x/y' }, body: 'x'.repeat(1_000_000)
  }])
  t.equal(answer!.body, '1000000')
})
