// What a client may reach.
import { until } from '../../executors/bullmq/queue.ts'
import { listen, request, sendBatch } from '../../helper.ts'
import { answers, attackEach, from, get, post } from './executors.ts'

const fine = get('/any')
const json = { 'content-type': 'application/json' }

attackEach('handlers that never answer are 504, and are told', async (t, target) => {
  const app = await listen(await target.another(t, { subrequestTimeout: 500 }))
  const items = ['/never', '/hijacked', '/stalled'].flatMap(url => [get(url), post(url, {})])
  const { batch } = await sendBatch(app, [...items, fine], from)
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [...items.map(() => [504, 'unknown']), [200, undefined]])
  // The signal of Fastify is that of a connection: hijack gives it up, and over a socket a body that was read ends it.
  const signalled = items.filter(({ url, method }) => url !== '/hijacked' && (target.name !== 'remote' || method === 'get'))
  const expected = [...items.map(({ url }) => `closed ${url}`), ...signalled.map(({ url }) => `aborted ${url}`)]
  const told: string[] = []
  await until(() => {
    told.push(...target.ledger().filter(line => !line.startsWith('ran')))
    return told.length >= expected.length
  })
  t.strictSame(told.sort(), expected.sort())
})

attackEach('one that is slow takes nothing from those that are fast', async (t, target) => {
  const app = await listen(await target.another(t, { subrequestTimeout: 1500 }))
  const { batch } = await sendBatch(app, [get('/never'), ...Array(19).fill(fine)], from)
  t.strictSame(batch.map(answer => answer.status_code), [504, ...Array(19).fill(200)])
})

attackEach('what is slow leaves time for nothing else, and is answered for', async (t, target) => {
  const app = await listen(await target.another(t, { batchTimeout: 500 }))
  const { batch } = await sendBatch(app, [{ ...get('/never'), id: 'slow' }, { ...fine, depends_on: ['slow'] }], from)
  t.strictSame(batch.map(answer => [answer.status_code, answer.outcome]), [[504, 'unknown'], [504, 'not_started']])
})

attackEach('handlers that break their answer touch no sibling', async (t, target) => {
  const broken = ['/response-destroyed', '/socket-destroyed', '/stream-error', '/split-reason', '/final-100', '/final-101', '/final-102', '/final-103']
  const thrown = ['/split-header', '/throw-null', '/throw-text']
  const app = await listen(await target.another(t, { subrequestTimeout: 1500 }))
  for (const [urls, expected] of [
    [broken, { outcome: 'unknown', status_code: /^50[24]$/ }], [thrown, { outcome: undefined, status_code: 500 }]
  ] as const) {
    const { batch } = await sendBatch(app, urls.flatMap(url => [get(url), fine]), from)
    for (const [i, url] of urls.entries()) {
      t.match(batch[2 * i], expected, url)
      t.notOk('set-cookie' in batch[2 * i]!.headers)
      t.equal(batch[2 * i + 1]!.status_code, 200)
    }
  }
})

attackEach('no answer takes more memory than it may', async (t, target) => {
  const endless = await answers(target, get('/large'), fine, get('/large'))
  t.strictSame(endless.map(answer => answer.status_code), [502, 200, 502])
  const large = await answers(target, ...Array(20).fill(get('/large?chunks=800')))
  for (const answer of large) t.match(answer, { status_code: 502, body: /FST_BATCH_RESPONSE_TOO_LARGE/ })
  const produced: number[] = []
  await until(() => {
    produced.push(...target.ledger().filter(line => line.startsWith('produced')).map(line => Number(line.split(' ')[1])))
    return produced.length === 22
  })
  // Of 64 KiB each: a MiB that is allowed, and what sockets to an upstream hold.
  t.ok(Math.max(...produced) < (target.name === 'remote' ? 400 : 30), `${Math.max(...produced)} pieces`)
})

attackEach('an answer that is nested very deeply is passed on', async (t, target) => {
  for (const responseBody of ['string', 'json'] as const) {
    const app = await listen(await target.another(t, { responseBody }))
    const body = JSON.stringify({ batch: [get('/deep')] })
    const response = await request(app, { ...from, method: 'POST', path: '/batch', headers: json, body })
    t.equal(response.status, 200)
    t.ok(response.body.includes('['.repeat(200_000) + ']'.repeat(200_000)))
  }
})

attackEach('a cookie for servers alone is not shown to scripts, and no batch is cached', async (t, target) => {
  const { body, headers } = await sendBatch(target.front, [get('/cookie')], from)
  t.notMatch(body.toString(), 'secret-value')
  t.strictSame(headers['set-cookie'], ['session=secret-value; Path=/; HttpOnly'])
  t.equal(headers['cache-control'], 'no-store')
})

attackEach('a log has one line for each subrequest, whatever is in it', async (t, target) => {
  const forged = '%0d%0a{"level":60,"msg":"forged"}'.replace(/["{}]/g, encodeURIComponent)
  const sent = { ...get(`/any?${forged}`), id: 'a', headers: { 'user-agent': '{"level":60}', 'x-a': '\\n{}' } }
  await answers(target, sent, { ...get('/any?end'), depends_on: ['a'] })
  // It is written a little later.
  await until(() => target.log().some(line => line.includes('/any?end')))
  const lines = target.log().map(line => JSON.parse(line))
  t.strictSame(lines.filter(line => line.req?.url === `/any?${forged}`).map(line => line.msg), ['incoming request'])
  t.notOk(lines.some(line => line.level >= 60 || line.msg === 'forged'))
})
