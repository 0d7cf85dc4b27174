// Compiled by `npm run typecheck`; what is here to fail there says so.
import Fastify, { type FastifyRequest } from 'fastify'
import t from 'tap'
import batch, {
  batchBody, concurrent, sequential,
  type BatchBody, type BatchContext, type BatchItem, type BatchItemResponse, type BatchOptions, type BatchResponse,
  type BatchSummary, type ExecutionContext, type Executor, type Subrequest, type Subresponse
} from '../lib/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
function same<Check extends true> (check?: Check): void { t.equal(check, undefined) }

t.test('request.batch is typed', async t => {
  same<Equal<FastifyRequest['batch'], BatchContext | null>>()
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(batch)
  app.get('/', { config: { batch: false } }, async request => {
    // @ts-expect-error it may be null
    const unchecked = (): number => request.batch.index
    // @ts-expect-error it cannot be set
    const set = () => { request.batch = null }
    return request.batch?.index ?? [unchecked, set].length
  })
  // @ts-expect-error a route is in or out
  app.get('/wrong', { config: { batch: 'no' } }, async () => 'x')
  await app.ready()
})

t.test('the wire format is typed', async () => {
  same<Equal<BatchBody, { batch: BatchItem[], on_error?: 'continue' | 'stop', atomic?: boolean, timeout_ms?: number }>>()
  same<Equal<BatchResponse, { batch: BatchItemResponse[], summary: BatchSummary }>>()
  same<Equal<BatchItem['headers'], Record<string, string> | undefined>>()
  same<Equal<BatchItem['body_encoding'], 'base64' | undefined>>()
  same<Equal<BatchItemResponse['outcome'], 'not_started' | 'unknown' | 'rolled_back' | undefined>>()
  same<Equal<BatchItemResponse['headers'], Record<string, string | number | string[]>>>()
  const item: BatchItem = { method: 'get', url: '/', body: { any: ['value'] } }
  // @ts-expect-error url is required
  const wrong: BatchItem = { method: 'get' }
  t.ok(item)
  t.ok(wrong)
  t.equal(batchBody(3).properties.batch.maxItems, 3)
})

t.test('options are typed', async () => {
  const options: BatchOptions[] = [
    {}, { executor: sequential() }, { executor: concurrent({ limit: 4 }), durationHeader: false, setCookie: 'drop' },
    { allow: ({ url, config }) => url !== '/' && config.batch !== false },
    { route: { config: {}, bodyLimit: 5, onRequest: async () => {}, schema: { tags: ['x'], querystring: {} }, constraints: { version: '1.0.0' } } }
  ]
  const wrong: BatchOptions[] = [
    // @ts-expect-error no such option
    { maxRequest: 5 },
    // @ts-expect-error not a value of this option
    { responseBody: 'xml' },
    // @ts-expect-error left to the plugin
    { route: { url: '/x' } },
    // @ts-expect-error left to the plugin
    { route: { schema: { body: {} } } }
  ]
  t.equal(options.length + wrong.length, 9)
})

t.test('executors are typed', async () => {
  const executor: Executor = {
    name: 'own',
    perBatch: 1,
    total: Infinity,
    async execute (subrequest: Subrequest, { signal, app, maxResponseBytes }: ExecutionContext): Promise<Subresponse> {
      same<Equal<typeof signal, AbortSignal>>()
      app.log.debug({ url: subrequest.url, maxResponseBytes })
      return { status: 200, reason: 'OK', headers: {}, body: new Uint8Array() }
    }
  }
  // @ts-expect-error an executor says how many at once
  const wrong: Executor = { name: 'x', execute: executor.execute }
  t.ok(executor)
  t.ok(wrong)
})
