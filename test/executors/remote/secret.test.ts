// `request.batch` at an upstream: only for who has the secret, and once.
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { signMarker } from '../../../lib/marker.ts'
import { listen, request, sendBatch, type Teardown } from '../../helper.ts'
import { buildFront, buildUpstream, get, originOf, secret } from './upstream.ts'

function contextUpstream (t: Teardown, trusted?: string | readonly string[]): FastifyInstance {
  const upstream = buildUpstream(t, { secret: trusted })
  upstream.all('/context', async ({ batch, headers }) => ({ batch, marker: headers['batch-subrequest'] }))
  return upstream
}

const subrequest = {
  method: 'GET',
  url: '/context',
  headers: { authorization: 'Bearer 1', cookie: 'a=1' },
  body: undefined,
  connection: {},
  origin: { host: '', protocol: 'http' },
  batch: { requestId: 'r', index: 2, size: 3, deadline: 4 },
  route: '/batch'
}

t.test('both have the secret: handlers and logs know the batch', async t => {
  const lines: string[] = []
  const upstream = buildUpstream(t, { secret }, { logger: { stream: { write (line: string) { lines.push(line) } } } })
  upstream.get('/context', async ({ batch, log }) => {
    log.info('from the handler')
    return { batch, frozen: Object.isFrozen(batch) }
  })
  const front = await buildFront(t, await originOf(upstream), { secret })
  const { batch: [, answer] } = await sendBatch(front, [get('/context'), { ...get('/context'), id: 'b' }])
  t.match(JSON.parse(answer!.body), { batch: { requestId: 'req-1', index: 1, size: 2, id: 'b', deadline: Number }, frozen: true })
  t.match(lines.map(line => JSON.parse(line)).filter(({ msg }) => msg === 'from the handler'), [{ batch: { index: 0 } }, { batch: { index: 1 } }])
})

t.test('secrets can be changed one side after the other', async t => {
  const old = 'x'.repeat(32)
  const origin = await originOf(contextUpstream(t, [secret, old]))
  for (const given of [secret, old]) {
    const { batch: [answer] } = await sendBatch(await buildFront(t, origin, { secret: given }), [get('/context')])
    t.match(JSON.parse(answer!.body), { batch: { index: 0 } })
  }
})

t.test('one has none, or another: null', async t => {
  for (const [ours, theirs] of [[undefined, secret], [secret, undefined], [secret, 'y'.repeat(32)], [undefined, undefined]]) {
    const front = await buildFront(t, await originOf(contextUpstream(t, theirs)), { secret: ours })
    const { batch: [answer] } = await sendBatch(front, [get('/context')])
    t.match(JSON.parse(answer!.body), { batch: null })
  }
})

t.test('what was signed holds for that request, and for no other', async t => {
  const upstream = await listen(contextUpstream(t, secret))
  const send = async (marker: string, change: { method?: string, path?: string, headers?: object } = {}) => {
    const headers = { ...subrequest.headers, 'batch-subrequest': marker, ...change.headers }
    const { body } = await request(upstream, { path: '/context', ...change, headers })
    return JSON.parse(body.toString()).batch
  }
  const sign = () => signMarker(subrequest, secret)
  t.strictSame(await send(sign()), subrequest.batch)
  for (const change of [
    { method: 'DELETE' }, { path: '/context?admin' }, { headers: { authorization: 'Bearer 2' } }, { headers: { cookie: 'a=2' } },
    { headers: { authorization: '' } }
  ]) {
    t.equal(await send(sign(), change), null, JSON.stringify(change))
  }
  const [payload, signature] = sign().split('.') as [string, string]
  const forged = Buffer.from(JSON.stringify({ requestId: 'other', index: 0, size: 1, at: Date.now(), nonce: 'n' })).toString('base64url')
  for (const marker of [`${forged}.${signature}`, `${payload}.`, `.${signature}`, payload, `${payload}.${signature}.`, `${payload}.${signature.slice(1)}`]) {
    t.equal(await send(marker), null, marker)
  }
  t.strictSame(await send(`${payload}.${signature}`), subrequest.batch, 'nothing of that has used it up')
})

t.test('it holds once', async t => {
  const upstream = contextUpstream(t, secret)
  const front = await buildFront(t, await originOf(upstream), { secret })
  const { batch: [answer] } = await sendBatch(front, [get('/context')])
  const { batch, marker } = JSON.parse(answer!.body)
  t.match(batch, { index: 0 })
  const again = await request(upstream, { path: '/context', headers: { 'batch-subrequest': marker } })
  t.equal(JSON.parse(again.body.toString()).batch, null)
})

t.test('it holds for half a minute, by whatever clock, and once for as long', async t => {
  const upstream = await listen(contextUpstream(t, secret))
  let now = Date.now()
  t.intercept(Date, 'now', { value: () => now })
  const send = async (marker: string) => {
    const { body } = await request(upstream, { path: '/context', headers: { ...subrequest.headers, 'batch-subrequest': marker } })
    return JSON.parse(body.toString()).batch?.index
  }
  const start = now
  const signedAt = (offset: number) => {
    now = start + offset
    return signMarker(subrequest, secret)
  }
  for (const [offset, arrives, index] of [
    [0, 29_999, 2], [0, 30_001, undefined], [29_999, 0, 2], [30_001, 0, undefined]
  ] as const) {
    const marker = signedAt(offset)
    now = start + arrives
    t.equal(await send(marker), index, `signed at ${offset}, arrives at ${arrives}`)
  }
  // The marker of a clock that is ahead is fresh for a minute. What was seen is forgotten after that, but not before.
  const ahead = signedAt(150_000 + 29_999)
  const sendAt = (offset: number, marker = signedAt(offset)) => {
    now = start + offset
    return send(marker)
  }
  t.equal(await sendAt(100_000), 2)
  t.equal(await sendAt(150_000, ahead), 2)
  t.equal(await sendAt(165_000), 2)
  t.equal(await sendAt(200_000, ahead), undefined, 'seen before, and still fresh')
  t.equal(await sendAt(900_000), 2)
})
