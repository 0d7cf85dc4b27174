import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify from 'fastify'
import t from 'tap'
import batch, { sequential } from '../../lib/index.ts'
import type { BatchStorage } from '../../lib/storage.ts'

for (const openapi of ['3.0.3', '3.1.0']) {
  t.test(`the batch route is in a valid OpenAPI ${openapi} document`, async t => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(swagger, { openapi: { openapi, info: { title: 'test', version: '1' } } })
    app.register(batch, { maxRequests: 7, responseStatus: 207, route: { schema: { tags: ['batch'], description: 'own words' } } })
    await app.ready()
    const document = app.swagger() as any

    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)))
    t.strictSame(result.errors, undefined)
    t.ok(result.valid)

    const operation = document.paths['/batch'].post
    t.match(operation, { summary: 'Several requests in one', description: 'own words', tags: ['batch'] })
    const media = operation.requestBody.content['application/json']
    const item = media.schema.properties.batch.items
    t.match(media.schema.properties.batch, { type: 'array', minItems: 1, maxItems: 7 })
    t.strictSame(Object.keys(item.properties), [
      'id', 'method', 'url', 'headers', 'body', 'body_encoding', 'depends_on', 'bind'
    ])
    t.strictSame(item.required, ['method', 'url'])
    t.equal(media.example.batch.length, 2)

    const { 'application/json': answer, 'application/x-ndjson': line } = operation.responses['207'].content
    t.strictSame(Object.keys(answer.schema.properties.batch.items.properties), [
      'id', 'status_code', 'reason_phrase', 'headers', 'body', 'body_encoding', 'outcome'
    ])
    t.strictSame(Object.keys(answer.schema.properties), ['batch', 'summary'])
    t.equal(answer.example.batch[0].body, 'Success!')
    t.strictSame(line.schema.anyOf.map((schema: any) => schema.required), [
      ['index', 'status_code', 'reason_phrase', 'headers', 'body'], ['summary']
    ])
  })
}

t.test('so are the routes of batches that outlive their connection', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'test', version: '1' } } })
  // Never asked for anything: a look at what it stores fails.
  const executor = { ...sequential(), storage: {} as BatchStorage }
  app.register(batch, { executor, respondAsync: {}, route: { schema: { tags: ['batch'], operationId: 'send' } as {} } })
  await app.ready()
  const document = app.swagger() as any
  const result = await new Validator().validate(JSON.parse(JSON.stringify(document)))
  t.strictSame(result.errors, undefined)
  t.match(Object.keys(document.paths['/batch'].post.responses), ['200', '202'])
  const { get, delete: cancel } = document.paths['/batch/{batchId}']
  t.match(get, { tags: ['batch'], parameters: [{ name: 'batchId', in: 'path' }] })
  t.match(Object.keys(get.responses), ['200', '202'])
  t.match(cancel, { tags: ['batch'], responses: { 204: {} } })
  t.strictSame([get.operationId, cancel.operationId], [undefined, undefined])
})
