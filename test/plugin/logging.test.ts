import Fastify from 'fastify'
import t from 'tap'
import batch from '../../lib/index.ts'
import { injectBatch, type Teardown } from '../helper.ts'

function buildLogged (t: Teardown, options: object = {}) {
  const lines: any[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const app = Fastify({ logger: { level: 'info', stream }, ...options })
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
