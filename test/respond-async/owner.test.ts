// Only who sent a batch sees it. To all others there is none.
import { readFileSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { listen } from '../helper.ts'
import { buildApi, get, startOnly } from '../executors/bullmq/queue.ts'
import { follow, location, me, startWaiting, submit } from './stored.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  const own = { connection, queue: 'owner' }
  const worker = await startWaiting(t, own)

  t.test('others, and those who name nothing that there is, get the same 404', async t => {
    const api = buildApi(t, own, { respondAsync: {} })
    const url = await location(api, [get('/wait/a')])
    await worker.reached('a')
    const strangers = [{}, { authorization: 'Bearer you' }, { ...me, cookie: 'a=b' }, { cookie: me.authorization }]
    const bodies = new Set<string>()
    for (const method of ['GET', 'DELETE'] as const) {
      for (const headers of strangers) {
        const { statusCode, body } = await api.inject({ method, url, headers })
        t.equal(statusCode, 404)
        bodies.add(body)
      }
      for (const path of ['/batch/nothing', `/batch/${'a'.repeat(22)}`, `${url}x`, '/batch/%00', '/batch/*', '/batch/a:b']) {
        const { statusCode, body } = await api.inject({ method, url: path, headers: me })
        t.equal(statusCode, 404, path)
        bodies.add(body)
      }
    }
    t.strictSame([...bodies].map(body => JSON.parse(body)), [{
      statusCode: 404, code: 'FST_BATCH_NOT_FOUND', error: 'Not Found', message: 'there is no such batch'
    }])
    worker.go('a')
    t.match(await follow(api, url), [{ status_code: 200 }, { summary: { ok: 1 } }], 'no stranger cancelled it')
  })

  t.test('who is nobody waits for the answer', async t => {
    const api = buildApi(t, own, { respondAsync: {} })
    const payload = { batch: [get('/echo')] }
    const headers = { prefer: 'respond-async' }
    t.equal((await api.inject({ method: 'POST', url: '/batch', headers, payload })).statusCode, 200)
  })

  t.test('cookies alone make an owner', async t => {
    const api = buildApi(t, own, { respondAsync: {} })
    const headers = { authorization: '', cookie: 'session=1' }
    const url = await location(api, [get('/echo')], { headers })
    t.match(await follow(api, url, headers), [{ status_code: 200 }, {}])
    t.equal((await api.inject({ url, headers: { ...headers, cookie: 'session=2' } })).statusCode, 404)
  })

  t.test('so does a client certificate', async t => {
    const tls = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url))
    const own = { connection, queue: 'certificate' }
    await startWaiting(t, own)
    const server = { https: { key: tls('key'), cert: tls('cert'), ca: tls('client-cert'), requestCert: true, rejectUnauthorized: false } }
    const api = await listen(buildApi(t, own, { respondAsync: {} }, server as {}))
    const { port } = api.server.address() as AddressInfo
    const send = (options: https.RequestOptions, body = '') => new Promise<{ status: number, location?: string }>((resolve, reject) => {
      const headers = { prefer: 'respond-async', 'content-type': 'application/json' }
      const agent = new https.Agent()
      https.request({ host: '127.0.0.1', port, rejectUnauthorized: false, headers, agent, ...options }, response => {
        response.resume().on('end', () => { resolve({ status: response.statusCode!, location: response.headers.location! }) })
      }).on('error', reject).end(body)
    })
    const certificate = { key: tls('client-key'), cert: tls('client-cert') }
    const body = JSON.stringify({ batch: [get('/echo')] })
    t.match(await send({ method: 'POST', path: '/batch' }, body), { status: 200 })
    const untrusted = { key: tls('key'), cert: tls('cert') }
    t.match(await send({ method: 'POST', path: '/batch', ...untrusted }, body), { status: 200 })
    const { status, location: path } = await send({ method: 'POST', path: '/batch', ...certificate }, body)
    t.equal(status, 202)
    t.match((await send({ path: path!, ...certificate })).status, /20[02]/)
    t.match(await send({ path: path! }), { status: 404 })
  })

  t.test('the app can say who it is', async t => {
    const owner = async ({ headers }: { headers: Record<string, unknown> }) => headers['x-user'] as string | undefined
    const api = buildApi(t, own, { respondAsync: { owner: owner as never } })
    const url = await location(api, [get('/echo')], { headers: { authorization: 'token 1', 'x-user': 'ann' } })
    t.match(await follow(api, url, { authorization: 'token 2', 'x-user': 'ann' }), [{ status_code: 200 }, {}])
    for (const headers of [{ authorization: 'token 1', 'x-user': 'bob' }, { authorization: 'token 1' }]) {
      t.equal((await api.inject({ url, headers: headers as {} })).statusCode, 404)
    }
    t.equal((await submit(api, [get('/echo')])).statusCode, 200, 'nobody')
  })

  t.test('an owner that cannot be told is an error', async t => {
    const owner = () => { throw Object.assign(new Error('who are you'), { statusCode: 401 }) }
    const api = buildApi(t, own, { respondAsync: { owner } })
    t.equal((await submit(api, [get('/echo')])).statusCode, 401)
    t.equal((await api.inject({ url: '/batch/abc' })).statusCode, 401)
  })
}
