import { FastifyOtelInstrumentation } from '@fastify/otel'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { concurrent, sequential } from '../../lib/index.ts'
import { dispatches, listen, sendBatch } from '../helper.ts'
import type { PluginTest } from './everywhere.ts'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register()

const traceId = (character: string) => character.repeat(32)
const traceparent = (character: string) => `00-${traceId(character)}-${'1'.repeat(16)}-01`

async function traced (app: FastifyInstance): Promise<void> {
  const instrumentation = new FastifyOtelInstrumentation()
  instrumentation.setTracerProvider(provider)
  await app.register(instrumentation.plugin())
  app.get('/otel', async request => request.opentelemetry().span!.spanContext().traceId)
  app.get('/otel/error', async () => { throw new Error('on purpose') })
}

export default {
  app: traced,

  async visit (t, visitor) {
    const get = { method: 'GET', url: '/otel' }
    const answers = await visitor.send([get, { ...get, url: '/otel/error' }], { traceparent: traceparent('a') })
    t.equal(answers[0]!.body, traceId('a'), 'part of the trace of the client')
    t.equal(answers[1]!.status, 500)
  },

  async also (t) {
    for (const dispatch of dispatches) {
      for (const executor of [sequential({ dispatch }), concurrent({ limit: 1, dispatch })]) {
        const app = Fastify()
        t.teardown(() => app.close())
        await traced(app)
        app.register(batch, { executor })
        await listen(app)
        exporter.reset()

        // The second limit is one over both batches: what of one ends starts what is next of the other.
        const items = ['/otel', '/otel/error', '/otel'].map(url => ({ method: 'GET', url }))
        const batches = await Promise.all([sendBatch(app, items), sendBatch(app, items)])
        const spans = exporter.getFinishedSpans()
        const requests = spans.filter(({ name }) => name === 'request')
        t.equal(requests.length, 8, `${dispatch}, ${executor.name}: one span for each batch and each item`)
        for (const span of requests) t.equal(rootOf(span, spans).attributes['http.route'], '/batch', 'under that of its batch')
        const traces = batches.map(({ batch: [first, , last] }) => [first!.body, last!.body])
        for (const [first, last] of traces) t.equal(last, first)
        t.not(traces[0]![0], traces[1]![0])
      }
    }
  }
} satisfies PluginTest

function rootOf (span: ReadableSpan, spans: readonly ReadableSpan[]): ReadableSpan {
  const parent = spans.find(other => other.spanContext().spanId === span.parentSpanContext?.spanId)
  return parent === undefined ? span : rootOf(parent, spans)
}
