import { FastifyOtelInstrumentation } from '@fastify/otel'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { dispatches, latch, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()

const traceId = (character: string) => character.repeat(32)
const traceparent = (character: string) => `00-${traceId(character)}-${'1'.repeat(16)}-01`

async function traced (app: FastifyInstance, wait = async () => {}): Promise<void> {
  const instrumentation = new FastifyOtelInstrumentation()
  instrumentation.setTracerProvider(provider)
  await app.register(instrumentation.plugin())
  app.get('/otel', async request => {
    await wait()
    const { parentSpanContext } = request.opentelemetry().span as unknown as ReadableSpan
    return { traceId: parentSpanContext?.traceId, parentId: parentSpanContext?.spanId }
  })
  app.get('/otel/error', async () => { throw new Error('on purpose') })
}

export default {
  app: app => traced(app),

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/otel' }
    const answers = await visitor.send([get, { ...get, url: '/otel/error' }], { traceparent: traceparent('a') })
    t.match(JSON.parse(answers[0]!.body), { traceId: traceId('a') }, 'part of the trace of the client')
    t.equal(answers[1]!.status, 500)
  },

  // Over a socket it is the span of the client, in a batch that of the batch.
  varying: /"parentId":"\w+"/,

  async also (t, pool) {
    for (const dispatch of dispatches) {
      for (const executor of [sequential({ dispatch }), concurrent({ limit: 1, dispatch })]) {
        // With a limit over both batches, what of one ends starts what is next of the other.
        const bothAreThere = latch()
        let batches = 0
        const app = Fastify()
        t.teardown(() => app.close())
        await traced(app, () => bothAreThere.promise)
        app.register(batch, {
          executor,
          route: { preHandler: async () => { if (++batches === 2) setImmediate(bothAreThere.open) } }
        })
        await listen(app)
        exporter.reset()

        const items = ['/otel', '/otel/error', '/otel'].map(url => ({ method: 'GET', url }))
        const sent = await Promise.all([sendBatch(app, items), sendBatch(app, items)])
        const spans = exporter.getFinishedSpans()
        const requests = spans.filter(({ name }) => name === 'request')
        t.equal(requests.length, 8, `${dispatch}, ${executor.name}: one span for each batch and each item`)
        for (const span of requests) t.equal(rootOf(span, spans).attributes['http.route'], '/batch', 'under that of its batch')
        const parents = sent.map(({ batch: [first, , last] }) => [JSON.parse(first!.body), JSON.parse(last!.body)])
        for (const [first, last] of parents) t.strictSame(last, first)
        t.not(parents[0]![0].traceId, parents[1]![0].traceId)
      }
    }

    // docs/compatibility.md shows this hook.
    const app = Fastify({ pluginTimeout: 60_000 })
    t.teardown(() => app.close())
    await traced(app)
    app.register(batch, {
      executor: pool,
      route: { onRequest: async request => { request.opentelemetry().inject(request.raw.headers) } }
    })
    await listen(app)
    exporter.reset()
    const { batch: [answer] } = await sendBatch(app, [{ method: 'GET', url: '/otel' }])
    const [span] = exporter.getFinishedSpans().filter(({ name }) => name === 'request')
    const { traceId: trace, spanId } = span!.spanContext()
    t.strictSame(JSON.parse(answer!.body), { traceId: trace, parentId: spanId }, 'under that of its batch, in another process')
  }
} satisfies PluginTest

function rootOf (span: ReadableSpan, spans: readonly ReadableSpan[]): ReadableSpan {
  const parent = spans.find(other => other.spanContext().spanId === span.parentSpanContext?.spanId)
  return parent === undefined ? span : rootOf(parent, spans)
}
