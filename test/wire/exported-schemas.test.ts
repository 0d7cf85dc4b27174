// What the schemas say to clients and OpenAPI documents is complete, and true of what is sent and answered.
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import t from 'tap'
import { batchBody, batchItemResponse, batchLine, batchProgress, batchResponse, batchSummary } from '../../lib/index.ts'
import { build } from '../helper.ts'

/** The places of the members that have no description. */
function undescribed ({ properties = {}, items, anyOf = [] }: TSchema, place = ''): string[] {
  const members = Object.entries(properties as Record<string, TSchema>).flatMap(([name, member]) => {
    const own = typeof member.description === 'string' && member.description.length > 5 ? [] : [`${place}/${name}`]
    return [...own, ...undescribed(member, `${place}/${name}`)]
  })
  const parts = [...items === undefined ? [] : [items], ...anyOf] as TSchema[]
  return [...members, ...parts.flatMap(part => undescribed(part, place))]
}

t.test('every member is described, but for those whose parts are', async t => {
  t.strictSame(undescribed(batchBody(20)), ['/batch'])
  t.strictSame(undescribed(batchResponse), ['/batch', '/summary'])
  t.strictSame(undescribed(batchProgress), ['/items/state'])
  t.strictSame(undescribed(batchLine), ['/summary'])
  t.match(batchLine.description, /^Each line is one of these/)
})

t.test('defaults and bounds are said', async t => {
  t.match(batchBody(20).properties, {
    on_error: { default: 'continue' }, atomic: { default: false }, timeout_ms: { minimum: 1, maximum: 2147483647 }
  })
  const app = build(t)
  app.get('/', async () => 'root')
  for (const [timeout, status] of [[2147483647, 200], [2147483648, 400], [1, 200], [0, 400]] as const) {
    const payload = { batch: [{ method: 'get', url: '/' }], timeout_ms: timeout }
    t.equal((await app.inject({ method: 'POST', url: '/batch', payload })).statusCode, status)
  }
})

t.test('the examples are a batch and its answer', async t => {
  const app = build(t)
  app.get('/views/', async (_request, reply) => reply.type('text/html; charset=utf-8').send('Success!'))
  app.post('/views/', async (request, reply) => {
    t.strictSame(request.body, { text: 'some text' })
    return reply.code(201).type('application/json; charset=utf-8').send('{"text": "some text"}')
  })
  const [payload] = batchBody(20).examples as Array<{ batch: object[] }>
  const [expected] = batchResponse.examples as any[]
  const answer = (await app.inject({ method: 'POST', url: '/batch', payload: payload! })).json()
  for (const { headers } of answer.batch) delete headers['content-length']
  for (const { headers } of [...answer.batch, ...expected.batch]) t.ok(headers['batch_requests.duration'] >= 0)
  const without = ({ batch, ...rest }: any) => ({
    ...rest, batch: batch.map(({ headers: { 'batch_requests.duration': _duration, ...headers }, ...item }: any) => ({ ...item, headers }))
  })
  t.strictSame(without(answer), without(expected))
})

const answer = { status_code: 200, reason_phrase: 'OK', headers: {}, body: '' }
const summary = { total: 1, ok: 1, failed: 0, not_started: 0, retry: [] }
const progress = { total: 1, done: 0, items: [{ state: 'waiting' }] }

type Case = readonly [name: string, schema: TSchema, whole: object, right: readonly object[], wrong: readonly object[]]

const cases: readonly Case[] = [
  ['an answer', batchItemResponse, answer, [
    { outcome: 'not_started' }, { outcome: 'unknown' }, { outcome: 'rolled_back' }, { body_encoding: 'base64' },
    { body_encoding: 'text' }, { headers: { a: 'b', c: ['d'], e: 0.001 } }, { id: 'a' }, { body: null }
  ], [
    { outcome: '' }, { outcome: 'done' }, { body_encoding: 'hex' }, { body_encoding: '' }, { headers: { a: true } },
    { headers: { a: [1] } }, { id: '' }, { status_code: '200' }, { reason_phrase: undefined }
  ]],
  ['a summary', batchSummary, summary, [
    { retry: [0] }, { retry_after: 1 }
  ], [
    { total: '1' }, { retry: ['0'] }, { retry_after: 0.5 }, { ok: undefined }
  ]],
  ['progress', batchProgress, progress, [
    { items: [{ state: 'running' }, { state: 'done', status_code: 200, id: 'a' }] }
  ], [
    { items: [{ state: 'ended' }] }, { items: [{ state: '' }] }, { done: null }
  ]],
  ['a line', batchLine, { index: 0, ...answer }, [
    { set_cookie: 'dropped' }, { outcome: 'unknown' }
  ], [
    { set_cookie: '' }, { index: '0' }, { outcome: '' }
  ]],
  ['the last line', batchLine, { summary }, [
    { headers: { duration: 0.001 } }
  ], [
    { headers: { duration: '0.001' } }, { summary: {} }
  ]]
]

for (const [name, schema, whole, right, wrong] of cases) {
  t.test(`the schema of ${name} takes what is answered, and nothing else`, async t => {
    for (const change of [{}, ...right]) t.ok(Value.Check(schema, { ...whole, ...change }), JSON.stringify(change))
    for (const change of wrong) t.notOk(Value.Check(schema, { ...whole, ...change }), JSON.stringify(change))
  })
}
