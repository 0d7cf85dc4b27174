import fc from 'fast-check'
import { sequential, type BatchItem, type BatchOptions } from '../../lib/index.ts'
import { build, injectBatch, testEach, type Dispatch, type Teardown } from '../helper.ts'

function buildBodies (t: Teardown, dispatch: Dispatch, options?: BatchOptions) {
  const app = build(t, { executor: sequential({ dispatch }), ...options })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  app.all('/', async request => ({
    type: request.headers['content-type'] ?? null,
    length: request.headers['content-length'] ?? null,
    hex: Buffer.isBuffer(request.body) ? request.body.toString('hex') : null
  }))
  return app
}

async function received (app: ReturnType<typeof build>, item: Partial<BatchItem>) {
  const { status, json, batch } = await injectBatch(app, [{ method: 'post', url: '/', ...item }])
  return status === 200 ? JSON.parse(batch[0]!.body) : json
}

const hex = (text: string) => Buffer.from(text).toString('hex')

testEach('a string is sent as it is', async (t, dispatch) => {
  const app = buildBodies(t, dispatch)
  for (const body of ['text', '{"text": "some text"}', ' ', '"', '文字', '\0', 'null', '\r\n']) {
    t.strictSame(await received(app, { body }), {
      type: 'application/json', length: String(Buffer.byteLength(body)), hex: hex(body)
    })
  }
})

testEach('any other JSON value is sent as JSON, the falsy ones too', async (t, dispatch) => {
  const app = buildBodies(t, dispatch)
  for (const body of [{ a: 1 }, [], {}, 0, false, null, true, -1.5, [null]]) {
    t.strictSame(await received(app, { body }), {
      type: 'application/json', length: String(JSON.stringify(body).length), hex: hex(JSON.stringify(body))
    })
  }
})

testEach('an empty string is an empty body, and no body is none', async (t, dispatch) => {
  const app = buildBodies(t, dispatch)
  t.strictSame(await received(app, { body: '' }), { type: 'application/json', length: '0', hex: '' })
  t.strictSame(await received(app, {}), { type: null, length: null, hex: null })
})

testEach('bytes are sent as base64', async (t, dispatch) => {
  const app = buildBodies(t, dispatch)
  const headers = { 'Content-Type': 'image/png' }
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async bytes => {
    const body = Buffer.from(bytes).toString('base64')
    const { hex, type } = await received(app, { body, body_encoding: 'base64', headers })
    return hex === Buffer.from(bytes).toString('hex') && type === 'image/png'
  }), { numRuns: 100 })
})

testEach('base64 may be as long as the limits of the app allow', async (t, dispatch) => {
  const limit = 20 * 2 ** 20
  const app = build(t, { executor: sequential({ dispatch }), route: { bodyLimit: limit } })
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer', bodyLimit: limit }, (_request, body, done) => {
    done(null, body.length)
  })
  app.post('/', async request => String(request.body))
  const body = Buffer.alloc(12 * 2 ** 20, 'x').toString('base64')
  t.equal(String(await received(app, {
    body, body_encoding: 'base64', headers: { 'content-type': 'application/octet-stream' }
  })), String(12 * 2 ** 20))
})

testEach('what is not base64 is refused', async (t, dispatch) => {
  const app = buildBodies(t, dispatch)
  for (const body of ['a', 'ab', 'abc', 'a===', 'ab=c', 'YQ', 'YWI', 'YQ==\n', ' YQ==', 'Y-_=', 'YQ==YQ==', '=', 'é', 1, null, {}, undefined]) {
    t.match(await received(app, { body, body_encoding: 'base64' }), {
      code: 'FST_BATCH_INVALID_BODY', message: 'batch/0/body: is not base64'
    }, String(body))
  }
})

testEach('a value that is too deep to be written is refused', async (t, dispatch) => {
  const app = buildBodies(t, dispatch)
  for (const depth of [5_000, 100_000]) {
    const payload = `{"batch":[{"method":"post","url":"/","body":${'['.repeat(depth)}${']'.repeat(depth)}}]}`
    const response = await app.inject({
      method: 'POST', url: '/batch', headers: { 'content-type': 'application/json' }, payload
    })
    t.equal(response.statusCode, 400)
    t.match(response.json(), { message: 'batch/0/body: is nested too deeply' })
  }
})

testEach('the default content type is an option, and an item may set its own', async (t, dispatch) => {
  const app = buildBodies(t, dispatch, { defaultContentType: 'text/plain; charset=utf-8' })
  t.match(await received(app, { body: 'x' }), { type: 'text/plain; charset=utf-8' })
  t.match(await received(app, { body: 'x', headers: { 'CONTENT-TYPE': 'text/csv' } }), { type: 'text/csv' })
  t.match(await received(app, { headers: { 'content-type': 'text/csv' } }), { type: 'text/csv', length: null })
})

testEach('the body limit of the route that is called applies', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.post('/small', { bodyLimit: 10 }, async () => 'ok')
  const items = ['12345678', '123456789'].map(text => ({ method: 'post', url: '/small', body: `"${text}"` }))
  const { batch } = await injectBatch(app, items)
  t.strictSame(batch.map(answer => answer.status_code), [200, 413])
})
