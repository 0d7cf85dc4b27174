import fc from 'fast-check'
import { sequential, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

function buildAnswers (t: Teardown, dispatch: Dispatch, options?: BatchOptions) {
  const app = build(t, { executor: sequential({ dispatch }), ...options })
  const answer: { type?: string, body?: string | Buffer } = {}
  app.get('/', async (_request, reply) => {
    if (answer.type !== undefined) reply.type(answer.type)
    return reply.send(answer.body)
  })
  return async (type: string | undefined, body: string | Buffer | undefined) => {
    Object.assign(answer, { type, body })
    const response = await app.inject({ method: 'POST', url: '/batch', payload: { batch: [{ method: 'get', url: '/' }] } })
    return { text: response.payload, answer: response.json().batch[0] }
  }
}

testEach('a body is a string', async (t, dispatch) => {
  const answerWith = buildAnswers(t, dispatch)
  for (const body of ['', 'text', '{"a":1}', 'null', '"\\\u0000\u2028</script>', '文字 😀']) {
    const { answer } = await answerWith('application/json', body)
    t.equal(answer.body, body)
    t.notOk('body_encoding' in answer)
  }
  t.equal((await answerWith(undefined, undefined)).answer.body, '')
})

testEach('bytes that are not text are base64', async (t, dispatch) => {
  const answerWith = buildAnswers(t, dispatch)
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0x89, 0x50, 0x4e, 0x47, 0, 1, 0xfe]]) {
    const { answer } = await answerWith('image/png', Buffer.from(bytes))
    t.match(answer, { body: Buffer.from(bytes).toString('base64'), body_encoding: 'base64' })
  }
})

testEach('every body comes back byte for byte', async (t, dispatch) => {
  for (const responseBody of ['string', 'json'] as const) {
    const answerWith = buildAnswers(t, dispatch, { responseBody })
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async bytes => {
      const { answer } = await answerWith('application/octet-stream', Buffer.from(bytes))
      return Buffer.from(answer.body, answer.body_encoding ?? 'utf8').equals(bytes)
    }), { numRuns: 100 })
  }
})

testEach('with responseBody json, JSON is embedded with its very digits', async (t, dispatch) => {
  const answerWith = buildAnswers(t, dispatch, { responseBody: 'json' })
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/problem+json', 'Application/Vnd.Api+JSON']) {
    for (const text of ['{"a":[1,null]}', '1.00', '12345678901234567890', '"text"', 'null', 'false', ' [ ] ', '"\u2028"']) {
      const answered = await answerWith(type, text)
      t.ok(answered.text.includes(`"body":${text}`))
      t.strictSame(answered.answer.body, JSON.parse(text))
      t.notOk('body_encoding' in answered.answer)
    }
  }
})

testEach('what only says that it is JSON stays a string', async (t, dispatch) => {
  const answerWith = buildAnswers(t, dispatch, { responseBody: 'json' })
  for (const text of ['{"open": ', 'undefined', '1 2', '{}{}', '\ufeff{}', 'NaN', '{"a":1}},{"status_code":200']) {
    const { answer } = await answerWith('application/json', text)
    t.match(answer, { body: text, body_encoding: 'text' }, text)
  }
})

testEach('stored data cannot forge an answer', async (t, dispatch) => {
  const answerWith = buildAnswers(t, dispatch, { responseBody: 'json' })
  await fc.assert(fc.asyncProperty(fc.string({ unit: fc.constantFrom(...'{}[]",:01 \\en') }), async text => {
    const { answer } = await answerWith('application/json', text)
    t.strictSame(Object.keys(answer).filter(key => key !== 'body_encoding'), ['status_code', 'reason_phrase', 'headers', 'body'])
    return answer.status_code === 200
  }), { numRuns: 200 })
})

testEach('other media types, and empty bodies, stay strings without a word', async (t, dispatch) => {
  const answerWith = buildAnswers(t, dispatch, { responseBody: 'json' })
  for (const type of ['text/plain', 'application/xml', 'application/jsonp', 'json', 'text/html; x=+json']) {
    const { answer } = await answerWith(type, '{"a":1}')
    t.equal(answer.body, '{"a":1}')
    t.notOk('body_encoding' in answer)
  }
  const { answer } = await answerWith('application/json', '')
  t.equal(answer.body, '')
  t.notOk('body_encoding' in answer)
})

testEach('an answer without a content type stays a string', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }), responseBody: 'json' })
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.end('{"a":1}')
  })
  const { batch } = await injectBatch(app, [{ method: 'get', url: '/' }])
  t.equal(batch[0]!.body, '{"a":1}')
})
