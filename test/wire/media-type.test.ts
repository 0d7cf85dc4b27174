import t from 'tap'
import { build, listen, request } from '../helper.ts'

const body = JSON.stringify({ batch: [{ method: 'get', url: '/counted' }] })

t.test('a batch is application/json in utf-8', async t => {
  const app = build(t)
  app.get('/counted', async () => 'counted')
  await listen(app)

  for (const type of [
    'application/json', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"', 'Application/JSON',
    ' application/json', 'application/json; profile=x'
  ]) {
    const { status } = await request(app, { method: 'POST', path: '/batch', headers: { 'content-type': type }, body })
    t.equal(status, 200, type)
  }
})

t.test('anything else is 415, and nothing runs', async t => {
  const app = build(t)
  let runs = 0
  app.get('/counted', async () => { runs++ })
  app.addContentTypeParser('application/x-app', { parseAs: 'string' }, (_request, body, done) => { done(null, JSON.parse(body as string)) })
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => { done(null, JSON.parse(body as string)) })
  await listen(app)

  for (const type of [
    undefined, 'text/plain', 'text/plain; application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
    'application/problem+json', 'application/jsonx', 'application/json, text/plain', 'application/json; charset=utf-16',
    'application/json; charset=latin1', 'application/x-app', 'nonsense'
  ]) {
    const headers = type === undefined ? {} : { 'content-type': type }
    const response = await request(app, { method: 'POST', path: '/batch', headers, body })
    t.equal(response.status, 415, type ?? 'none')
    t.match(JSON.parse(response.body.toString()), { statusCode: 415, error: 'Unsupported Media Type' })
  }
  t.equal(runs, 0)
})

t.test('the charset is named in the refusal', async t => {
  const app = await listen(build(t))
  const headers = { 'content-type': 'application/json; charset=utf-16' }
  const response = await request(app, { method: 'POST', path: '/batch', headers, body })
  t.strictSame(JSON.parse(response.body.toString()), {
    statusCode: 415,
    code: 'FST_BATCH_UNSUPPORTED_MEDIA_TYPE',
    error: 'Unsupported Media Type',
    message: 'a batch must be application/json in utf-8, got application/json; charset=utf-16'
  })
})

t.test('a batch is read strictly, whatever the app reads JSON with', async t => {
  const app = build(t, {}, { onProtoPoisoning: 'ignore', onConstructorPoisoning: 'ignore' })
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  app.post('/bytes', async request => Buffer.isBuffer(request.body))
  await listen(app)

  const post = (body: string) => request(app, {
    method: 'POST', path: '/batch', headers: { 'content-type': 'application/json' }, body
  })
  const answered = await post('{"batch":[{"method":"post","url":"/bytes","body":{"a":1}}]}')
  t.equal(JSON.parse(answered.body.toString()).batch[0].body, 'true', 'the app keeps its own parser')

  for (const body of [
    '', '{', '{"batch":[{"method":"get","url":"/","__proto__":{}}]}', '{"batch":[],"__proto__":{}}',
    '{"batch":[{"method":"get","url":"/","headers":{"__proto__":"x"}}]}',
    '{"batch":[{"method":"get","url":"/","body":{"constructor":{"prototype":{}}}}]}'
  ]) {
    t.equal((await post(body)).status, 400, body)
  }
})
