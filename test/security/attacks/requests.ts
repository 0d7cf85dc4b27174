// What a client may send.
import http from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { request, sendBatch } from '../../helper.ts'
import { until } from '../../executors/bullmq/queue.ts'
import { answers, attackEach, client, from, get, post, type Target } from './executors.ts'
import { bodies, items, mediaTypes } from './refused.ts'

const fine = get('/any')

const json = { 'content-type': 'application/json' }

const sendBody = ({ front }: Target, body: string, headers: http.OutgoingHttpHeaders = json) =>
  request(front, { ...from, method: 'POST', path: '/batch', headers, body })

attackEach('bad items are refused by their place, and nothing runs', async (t, target) => {
  for (const [name, attacks] of Object.entries(items)) {
    for (const item of attacks) {
      for (const batch of [[item], [{ ...fine, id: 'a' }, item]]) {
        const { status, body } = await sendBody(target, JSON.stringify({ batch }))
        const said = body.toString()
        if (status !== 400 || said.length > 1024 || !said.includes(`batch/${batch.indexOf(item)}`)) {
          t.fail(`${name}: ${JSON.stringify(item).slice(0, 200)} is answered ${status}, ${said.slice(0, 500)}`)
        }
      }
    }
    t.strictSame(target.ledger(), [], name)
  }
})

attackEach('bad bodies are refused, and nothing runs', async (t, target) => {
  for (const [name, body] of Object.entries(bodies)) {
    const response = await sendBody(target, body)
    t.equal(response.status, 400, name)
    t.ok(response.body.length < 1024, name)
  }
  t.strictSame(target.ledger(), [])
  t.equal(({} as { polluted?: number }).polluted, undefined)
})

attackEach('what a page may send without asking is refused, and nothing runs', async (t, target) => {
  const body = JSON.stringify({ batch: [fine] })
  for (const type of mediaTypes) {
    t.equal((await sendBody(target, body, type === undefined ? {} : { 'content-type': type })).status, 415, type ?? 'none')
  }
  t.strictSame(target.ledger(), [])
  t.equal((await sendBody(target, body, { 'content-type': ' application/json' })).status, 200, 'HTTP takes off the space')
})

attackEach('no batch in a batch, however it is spelled, or sent by a handler', async (t, target) => {
  const inner = { batch: [fine] }
  const urls = ['/batch', '/batch/', '/batch?x', '/BATCH', '/%62atch', '/b%61tch', '/%62%61%74%63%68', '/batch//', '/alias']
  const nested = await answers(target, ...urls.map(url => post(url, inner)), post('/batch', inner, { 'content-type': 'text/plain' }))
  for (const answer of nested) t.match(answer, { status_code: 400, body: /FST_BATCH_NESTED/ })
  t.strictSame(target.ledger(), [])
  for (const answer of await answers(target, get('/indirect'), get('/indirect'))) t.match(answer.body, 'FST_BATCH_NESTED')
  t.strictSame(target.ledger(), ['ran /indirect', 'ran /indirect'])
})

attackEach('a route that is out is out, however it is spelled', async (t, target) => {
  const urls = ['/closed', '/closed/', '/CLOSED', '/%63losed', '/closed?x', '/closed//', '/alias-closed']
  for (const answer of await answers(target, ...urls.map(get))) t.match(answer, { status_code: 403, body: /FST_BATCH_ROUTE_NOT_ALLOWED/ })
  t.strictSame(target.ledger(), [])
})

attackEach('the app sees who is calling as in a direct request, whatever is claimed', async (t, target) => {
  for (const localAddress of [client, '127.0.0.1']) {
    for (const headers of [
      {}, { 'x-forwarded-for': '127.0.0.1' }, { 'X-Forwarded-For': '192.0.2.1, 192.0.2.2' }, { 'x-real-ip': '127.0.0.1', forwarded: 'for=127.0.0.1' },
      { host: 'own.example', 'X-FORWARDED-HOST': 'evil.example', 'x-forwarded-proto': 'https' }
    ]) {
      const direct = await request(target.front, { path: '/who', headers, localAddress })
      const { batch: [answer] } = await sendBatch(target.front, [get('/who')], { headers, localAddress })
      t.strictSame(JSON.parse(answer!.body), JSON.parse(direct.body.toString()), JSON.stringify(headers))
    }
  }
})

attackEach('a route for callers of this machine is closed to others, and to those without an address', async (t, target) => {
  t.equal((await answers(target, get('/internal')))[0]!.status_code, 403)
  t.equal((await sendBatch(target.front, [get('/internal')])).batch[0]!.status_code, 200)

  const folder = mkdtempSync(join(tmpdir(), 'attacked-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  const app = await target.another(t)
  const socketPath = join(folder, 'socket')
  await app.listen({ path: socketPath })
  t.equal((await sendBatch(app, [get('/internal')], { socketPath })).batch[0]!.status_code, 403)
})

attackEach('who left is not taken for this machine', async (t, target) => {
  const { port } = target.front.server.address() as AddressInfo
  const leaving = http.request({ ...from, host: '127.0.0.1', port, method: 'POST', path: '/batch', headers: json })
  leaving.on('error', () => {})
  leaving.end(JSON.stringify({ batch: [{ ...get('/left'), id: 'left' }, { ...get('/internal'), depends_on: ['left'] }] }))
  const seen: string[] = []
  const sees = (line: string) => until(() => {
    seen.push(...target.ledger())
    return seen.some(entry => entry.startsWith(line))
  })
  await sees('waits')
  leaving.destroy()
  await sees('left by')
  t.strictSame(seen.slice(0, 2), ['ran /left', 'waits'])
  t.notMatch(seen[2], '127.0.0.1')
  t.equal(seen.length, 3)
})

attackEach('of 100 logins in 5 batches, 5 pass', async (t, target) => {
  const login = post('/login', { password: 'guess' })
  // The store in memory refuses too many where several are counted in the same turn, of direct requests as well.
  const chain = Array.from({ length: 20 }, (_, i) => (
    { ...login, id: String(i), ...i > 0 && { depends_on: [String(Math.min(i - 1, 4))] } }
  ))
  const answered = await answers(target, ...chain)
  for (let i = 0; i < 4; i++) answered.push(...await answers(target, ...Array(20).fill(login)))
  const refused = answered.filter(answer => answer.status_code === 429)
  t.strictSame([answered.filter(answer => answer.status_code === 200).length, refused.length], [5, 95])
  t.equal(target.ledger().length, 5)
  for (const answer of refused) t.hasProp(answer.headers, 'retry-after')
})

attackEach('framing of an item has no effect', async (t, target) => {
  const attacks = [
    { 'content-length': '0' }, { 'content-length': 'abc' }, { 'content-length': '1000000000' }, { 'Content-Length': '-1' }, { 'content-length': '3' },
    { 'transfer-encoding': 'chunked' }, { connection: 'upgrade', upgrade: 'websocket' }, { expect: '100-continue' }, { te: 'trailers', trailer: 'x' }
  ] as Array<Record<string, string>>
  for (const answer of await answers(target, ...attacks.map(headers => post('/framing', { a: 1 }, headers)))) {
    t.strictSame(JSON.parse(answer.body), { length: '7', body: { a: 1 }, odd: [] })
  }
})

attackEach('ids that are names of properties are echoed, one to one', async (t, target) => {
  const ids = ['__proto__', 'constructor', 'toString', '-', 'x'.repeat(64)]
  t.strictSame((await answers(target, ...ids.map(id => ({ ...fine, id })))).map(answer => answer.id), ids)
  const [keys] = await answers(target, get('/prototype'))
  t.equal(keys!.body, '[]')
})

attackEach('methods that the app has no route for are not found', async (t, target) => {
  const statuses = (await answers(target, { method: 'TRACE', url: '/closed' }, { method: 'CONNECT', url: '/closed' })).map(answer => answer.status_code)
  t.strictSame(statuses, [404, target.name === 'remote' ? 501 : 404])
  const query = { method: 'QUERY', url: '/closed' }
  const { status, batch } = await sendBatch(target.front, [query], from)
  t.equal(status === 400 ? status : batch[0]!.status_code, 400, 'it has no body')
  t.strictSame(target.ledger(), [])
})

attackEach('a subrequest is authenticated as a request is', async (t, target) => {
  const me = get('/me')
  const ada = { authorization: 'Bearer ada' }
  for (const [headers, expected] of [[{}, 401], [{ authorization: 'Bearer nobody' }, 401], [ada, 200]] as const) {
    t.equal((await sendBatch(target.front, [me], { ...from, headers })).batch[0]!.status_code, expected)
  }
  const own = [me, { ...me, headers: ada }, me]
  t.strictSame((await answers(target, ...own)).map(answer => answer.status_code), [401, 200, 401], 'one item is not another')
})

attackEach('values that are false are bodies, and what looks like a reference is text', async (t, target) => {
  const values = [0, false, null, '', '$0.constructor', '$'.repeat(200_000), '{{a}}', { $ref: 'a/body' }]
  const sent = await answers(target, ...values.map(value => post('/echo', JSON.stringify({ value }))))
  t.strictSame(sent.map(answer => JSON.parse(answer.body).value), values)
  const whole = await answers(target, ...[0, false, null].map(value => post('/echo', value)))
  t.strictSame(whole.map(answer => answer.status_code), [200, 200, 200])
})
