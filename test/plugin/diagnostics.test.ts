import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { channels, type BatchMessage, type SubrequestMessage } from '../../lib/index.ts'
import { build, injectBatch } from '../helper.ts'

const get = (url: string) => ({ method: 'get', url })
const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const

t.test('a batch and its subrequests are traced', async t => {
  const trace: Record<string, string[]> = {}
  const handlers = Object.fromEntries(events.map(event => [event, (message: unknown) => {
    const { index, url, size, route } = message as SubrequestMessage & BatchMessage
    (trace[index === undefined ? `${size} items to ${route}` : `${index}: ${url}`] ??= []).push(event)
  }])) as any
  channels.batch.subscribe(handlers)
  channels.subrequest.subscribe(handlers)
  t.teardown(() => {
    channels.batch.unsubscribe(handlers)
    channels.subrequest.unsubscribe(handlers)
  })

  const app = build(t)
  app.get('/', async () => 'x')
  await injectBatch(app, [get('/'), get('/nowhere')])
  await injectBatch(app, [get('bad')])
  t.strictSame(trace, {
    '2 items to /batch': ['start', 'end', 'asyncStart', 'asyncEnd'],
    '0: /': ['start', 'end', 'asyncStart', 'asyncEnd'],
    '1: /nowhere': ['start', 'end', 'asyncStart', 'asyncEnd']
  }, 'and a batch that is refused is not')
})

t.test('messages say what was asked and how it ended', async t => {
  const ended: any[] = []
  const listener = (message: unknown) => { ended.push(message) }
  channels.batch.asyncEnd.subscribe(listener)
  channels.subrequest.asyncEnd.subscribe(listener)
  t.teardown(() => {
    channels.batch.asyncEnd.unsubscribe(listener)
    channels.subrequest.asyncEnd.unsubscribe(listener)
  })
  const app = build(t)
  app.get('/', async () => 'x')
  await injectBatch(app, [get('/?a')])
  t.match(ended, [
    {
      requestId: 'req-1',
      index: 0,
      method: 'GET',
      url: '/?a',
      result: { subresponse: { status: 200 }, duration: Number, abandoned: false }
    },
    { requestId: 'req-1', route: '/batch', size: 1, result: { total: 1, ok: 1, failed: 0, not_started: 0, retry: [] } }
  ])
})

t.test('a store bound to a channel is there in handlers: spans nest', async t => {
  const spans = new AsyncLocalStorage<string>()
  channels.batch.start.bindStore(spans, message => `batch ${(message as BatchMessage).requestId}`)
  channels.subrequest.start.bindStore(spans, message => `${spans.getStore()} > ${(message as SubrequestMessage).index}`)
  t.teardown(() => {
    channels.batch.start.unbindStore(spans)
    channels.subrequest.start.unbindStore(spans)
  })
  const app = build(t)
  app.get('/', async () => {
    await new Promise(setImmediate)
    return spans.getStore()
  })
  const { batch } = await injectBatch(app, [get('/'), get('/')])
  t.strictSame(batch.map(answer => answer.body), ['batch req-1 > 0', 'batch req-1 > 1'])
})

t.test('nothing is published where nobody subscribes', async t => {
  const app = build(t)
  app.get('/', async () => 'x')
  t.notOk(channels.batch.hasSubscribers)
  t.notOk(channels.subrequest.hasSubscribers)
  t.equal((await injectBatch(app, [get('/')])).status, 200)
})
