import Fastify from 'fastify'
import t from 'tap'
import batch from '../../lib/index.ts'
import { injectBatch, type Teardown } from '../helper.ts'

function buildLogged (t: Teardown, options: object = {}, loggerOptions: object = {}) {
  const lines: any[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const app = Fastify({ logger: { level: 'info', stream, ...loggerOptions }, ...options })
  app.register(batch)
  t.teardown(() => app.close())
  app.get('/log/:id', async request => {
    request.log.info('in the handler')
    return 'x'
  })
  return { app, lines }
}

const get = (url: string, headers?: Record<string, string>) => ({ method: 'get', url, headers })

t.test('each subrequest has a logger that names batch and index', async t => {
  const { app, lines } = buildLogged(t)
  await injectBatch(app, [get('/log/1'), get('/log/2'), get('/nowhere')])

  const inHandlers = lines.filter(line => line.msg === 'in the handler')
  t.match(inHandlers, [
    { reqId: 'req-2', batch: { requestId: 'req-1', index: 0, size: 3 } },
    { reqId: 'req-3', batch: { requestId: 'req-1', index: 1, size: 3 } }
  ])
  const completed = lines.filter(line => line.msg === 'request completed')
  t.strictSame(completed.map(line => [line.reqId, line.batch?.index]), [
    ['req-2', 0], ['req-3', 1], ['req-4', 2], ['req-1', undefined]
  ])
})

t.test('with a request id header every line of a subrequest names the batch', async t => {
  const { app, lines } = buildLogged(t, { requestIdHeader: 'x-request-id' })
  await injectBatch(app, [get('/log/1')], { headers: { 'x-request-id': 'outer' } })
  const messages = lines.filter(line => line.reqId === 'outer.0').map(line => line.msg)
  t.strictSame(messages, ['incoming request', 'in the handler', 'request completed'])
})

t.test('nothing in an item can forge a line', async t => {
  const { app, lines } = buildLogged(t, { requestIdHeader: 'x-request-id' })
  const forged = '","level":60,"msg":"forged'
  await injectBatch(app, [
    get(`/log/${encodeURIComponent(`\n{"level":60${forged}`)}`), get('/log/1', { 'x-a': `{${forged}` }), get('/log/2', { 'x-request-id': forged })
  ])
  t.equal(lines.filter(line => line.level !== 30).length, 0)
  t.equal(lines.filter(line => line.msg === 'in the handler').length, 3)
  t.strictSame(lines.map(line => line.msg).filter(msg => msg === 'forged'), [])
})

const handlerLines = (lines: any[]) => lines.filter(line => line.msg.endsWith('in the handler'))

t.test('what the logger of a subrequest has of its own stays', async t => {
  const { app, lines } = buildLogged(t, {
    childLoggerFactory: (logger: any, bindings: object, options: object) => logger.child(
      { ...bindings, tenant: 'a' }, { ...options, msgPrefix: '> ', serializers: { batch: ({ index }: any) => ({ at: index }) } }
    )
  })
  await injectBatch(app, [get('/log/1')])
  t.match(handlerLines(lines), [{ reqId: 'req-2', tenant: 'a', batch: { at: 0 }, msg: '> in the handler' }])
  t.strictSame(Object.keys(handlerLines(lines)[0].batch), ['at'])
})

t.test('what is to be kept out of the log is', async t => {
  const { app, lines } = buildLogged(t, {}, { redact: ['batch.requestId'] })
  await injectBatch(app, [get('/log/1')])
  t.match(handlerLines(lines), [{ batch: { requestId: '[Redacted]', index: 0 } }])
})

t.test('the level of a route holds', async t => {
  const { app, lines } = buildLogged(t)
  app.get('/quiet', { logLevel: 'warn' }, async request => {
    request.log.info('in the handler')
    request.log.warn('still in the handler')
    return 'x'
  })
  await injectBatch(app, [get('/quiet')])
  t.match(handlerLines(lines).map(line => [line.msg, line.batch.index]), [['still in the handler', 0]])
})

t.test('a logger that others use as well never names a batch', async t => {
  let shared: any
  const { app, lines } = buildLogged(t, {
    childLoggerFactory: (logger: any) => {
      shared ??= logger.child({ name: 'shared' })
      return shared
    }
  })
  await injectBatch(app, [get('/log/1'), get('/log/2')])
  await app.inject('/log/3')
  t.strictSame(handlerLines(lines).map(line => [line.name, line.batch?.index]), [['shared', 0], ['shared', 1], ['shared', undefined]])
})

t.test('a logger that is a proxy stays one', async t => {
  const asked = new Set()
  const { app } = buildLogged(t, {
    childLoggerFactory: (logger: any, bindings: object) => new Proxy(logger.child(bindings), {
      get (target, name, receiver) {
        asked.add(name)
        return Reflect.get(target, name, receiver)
      }
    })
  })
  app.get('/', async request => {
    asked.clear()
    request.log.info('in the handler')
    return asked.has('info')
  })
  const { json } = await injectBatch(app, [get('/')])
  t.equal(json.batch[0].body, 'true')
})

t.test('any other logger makes a child that names the batch', async t => {
  const lines: any[] = []
  class Logger {
    readonly #bindings: object
    level = 'info'
    constructor (bindings: object) { this.#bindings = bindings }
    child (bindings: object) { return new Logger({ ...this.#bindings, ...bindings }) }
    info (msg: any) { if (typeof msg === 'string') lines.push({ ...this.#bindings, msg }) }
    error () {}
    debug () {}
    fatal () {}
    warn () {}
    trace () {}
    silent () {}
  }
  const app = Fastify({ loggerInstance: new Logger({}) as any })
  app.register(batch)
  t.teardown(() => app.close())
  app.get('/log', async request => {
    request.log.info('in the handler')
    return 'x'
  })
  await injectBatch(app, [get('/log'), get('/log')])
  t.match(handlerLines(lines), [{ reqId: 'req-2', batch: { index: 0 } }, { reqId: 'req-3', batch: { index: 1 } }])
})
