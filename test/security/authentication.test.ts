import cookie from '@fastify/cookie'
import { sequential } from '../../lib/index.ts'
import { build, listen, sendBatch, testEach } from '../helper.ts'

testEach('a route behind authentication asks each item', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.register(cookie)
  app.get('/me', {
    onRequest: async (request, reply) => {
      const user = { 'Bearer ada': 'ada', 'Bearer bob': 'bob' }[request.headers.authorization!]
      if (user === undefined) return reply.code(401).send()
      request.headers['x-user'] = user
    }
  }, async request => request.headers['x-user'])
  await listen(app)

  const me = { method: 'get', url: '/me' }
  const statuses = async (headers: Record<string, string>, ...items: object[]) =>
    (await sendBatch(app, items, { headers })).batch.map(answer => [answer.status_code, answer.body])
  t.strictSame(await statuses({}, me), [[401, '']])
  t.strictSame(await statuses({ authorization: 'Bearer ada' }, me), [[200, 'ada']])
  t.strictSame(await statuses({ authorization: 'Bearer nobody' }, me), [[401, '']])
  t.strictSame(await statuses({ authorization: 'Bearer ada' }, me, { ...me, headers: { Authorization: 'Bearer bob' } }, me), [
    [200, 'ada'], [200, 'bob'], [200, 'ada']
  ], 'an item can be of another user, as a request can, and no one else is')
  t.strictSame(await statuses({}, { ...me, headers: { authorization: 'Bearer ada' } }, me), [[200, 'ada'], [401, '']])
})

testEach('with authorization protected, all items are of one user', async (t, dispatch) => {
  const { defaultProtectedHeaders } = await import('../../lib/index.ts')
  const app = build(t, { executor: sequential({ dispatch }), protectedHeaders: [...defaultProtectedHeaders, 'authorization'] })
  app.get('/me', async request => request.headers.authorization)
  await listen(app)
  const item = { method: 'get', url: '/me', headers: { authorization: 'Bearer bob' } }
  t.equal((await sendBatch(app, [item])).status, 400)
})

testEach('a cookie for servers alone is not shown to scripts', async (t, dispatch) => {
  const app = build(t, { executor: sequential({ dispatch }) })
  app.register(cookie)
  app.post('/login', async (_request, reply) => {
    reply.setCookie('session', 'secret-value', { httpOnly: true, secure: true, path: '/' })
    return 'welcome'
  })
  await listen(app)
  const { body, headers } = await sendBatch(app, [{ method: 'post', url: '/login' }])
  t.notMatch(body.toString(), 'secret-value')
  t.strictSame(headers['set-cookie'], ['session=secret-value; Path=/; HttpOnly; Secure; SameSite=Lax'])
})
