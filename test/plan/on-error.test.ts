import t from 'tap'
import { concurrent } from '../../lib/index.ts'
import { build, latch } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })

t.test('stop: after the first error nothing further starts', async t => {
  const app = build(t)
  const ran: string[] = []
  app.get('/:status', async (request, reply) => {
    ran.push(request.url)
    return reply.code(Number(request.url.slice(1))).send('x')
  })
  const send = async (payload: object) => (await app.inject({ method: 'POST', url: '/batch', payload })).json()
  const items = [get('/200'), get('/409'), get('/201'), get('/500')]
  const { batch } = await send({ batch: items, on_error: 'stop' })
  t.strictSame(batch.map((answer: any) => [answer.status_code, answer.outcome]), [
    [200, undefined], [409, undefined], [424, 'not_started'], [424, 'not_started']
  ])
  t.strictSame(JSON.parse(batch[2].body), {
    statusCode: 424,
    code: 'FST_BATCH_STOPPED',
    error: 'Failed Dependency',
    message: 'the batch stopped at batch/1, which was answered 409'
  })
  t.strictSame(ran, ['/200', '/409'])

  for (const payload of [{ batch: items }, { batch: items, on_error: 'continue' }]) {
    const { batch } = await send(payload)
    t.strictSame(batch.map((answer: any) => answer.status_code), [200, 409, 201, 500])
  }
  const { code, message } = await send({ batch: items, on_error: 'wait' })
  t.match({ code, message }, { code: 'FST_BATCH_INVALID_BATCH', message: /^on_error: / })
})

t.test('stop: what has started finishes', async t => {
  const app = build(t, { executor: concurrent({ limit: 2 }) })
  const failed = latch()
  app.addHook('onResponse', async (_request, reply) => { if (reply.statusCode === 404) setImmediate(failed.open) })
  app.get('/slow', async () => {
    await failed.promise
    return 'finished'
  })
  app.get('/never', async () => { throw new Error('started') })
  const response = await app.inject({
    method: 'POST', url: '/batch', payload: { on_error: 'stop', batch: [get('/slow'), get('/nowhere'), get('/never')] }
  })
  const { batch } = response.json()
  t.strictSame(batch.map((answer: any) => answer.status_code), [200, 404, 424])
  t.equal(batch[0].body, 'finished')
})
