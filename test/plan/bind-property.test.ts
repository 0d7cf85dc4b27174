// Whatever strings an app and a client send, a binding does what its item says, and nothing else.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { build, injectBatch } from '../helper.ts'

const hostile = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '{x}', '{{x}}', '$'.concat('{x}'), '$0.body', '$&', '$1', 'a/body', 'a/body/x', '/body/x', '{"$ref":"a/body"}', '__proto__', 'constructor', '-', '0',
    '~0', '~1', '%7Bx%7D', '../..', '{id=1}:body.$.x', '<%= x %>', '#{x}', '@@a.body'
  )
)
const json = fc.letrec(tie => ({
  value: fc.oneof({ maxDepth: 3 }, hostile, fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(hostile.filter(key => key !== '__proto__'), tie('value'), { maxKeys: 3 }))
})).value

t.test('no string in the data changes what a binding does', async t => {
  const app = build(t)
  app.post('/value', async request => request.body)
  app.post('/echo/:text', async request => ({ ...request.params as object, query: request.query, body: request.body }))
  await fc.assert(fc.asyncProperty(json, json, hostile, json, async (value, other, text, around) => {
    const { status, batch } = await injectBatch(app, [
      { method: 'post', url: '/value', id: 'a', body: JSON.stringify({ value, other, text: `t${text}` }) },
      {
        method: 'post',
        url: '/echo/{x}?y={y}',
        body: JSON.stringify({ around, here: 0, list: [around] }),
        bind: { '/url/x': 'a/body/text', '/url/y': 'a/body/text', '/body/here': 'a/body/value', '/body/list/-': 'a/body/other' }
      }
    ])
    assert.equal(status, 200)
    if (/[\p{Cc}\p{Cs}]/u.test(text)) {
      assert.equal(batch[1]!.status_code, 400)
      return
    }
    const expected = { text: `t${text}`, query: { y: `t${text}` }, body: { around, here: value, list: [around, other] } }
    assert.deepEqual(JSON.parse(batch[1]!.body), JSON.parse(JSON.stringify(expected)))
  }), { numRuns: 300, seed: 20261122 })
  t.pass('300 batches')
})
