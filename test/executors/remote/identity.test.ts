// Who is calling, as an upstream sees it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import batch from '../../../lib/index.ts'
import { remote } from '../../../lib/remote.ts'
import { injectBatch, request, sendBatch, type Teardown } from '../../helper.ts'
import { buildFront, buildUpstream, get, originOf } from './upstream.ts'

const localAddress = '127.0.0.3'

async function whoUpstream (t: Teardown, options = {}, server = {}): Promise<string> {
  const app: FastifyInstance = buildUpstream(t, options, server)
  app.get('/who', async ({ ip, ips, host, protocol, headers }) => ({ ip, ips, host, protocol, headers }))
  return originOf(app)
}

async function who (front: FastifyInstance, headers: Record<string, string> = {}, item: object = get('/who')) {
  const { status, batch: answers, json } = await sendBatch(front, [item], { headers, localAddress })
  return status === 200 ? JSON.parse(answers[0]!.body) : json
}

t.test('an upstream that trusts the server sees the client, its host and its protocol', async t => {
  const origin = await whoUpstream(t)
  const front = await buildFront(t, origin)
  t.match(await who(front, { host: 'app.example:8080' }), {
    ip: localAddress,
    host: 'app.example:8080',
    protocol: 'http',
    headers: { host: new URL(origin).host, 'x-forwarded-for': localAddress, 'x-forwarded-host': 'app.example:8080', 'x-forwarded-proto': 'http' }
  })
})

t.test('what a client forges stands before what is known, and is not believed', async t => {
  const front = await buildFront(t, await whoUpstream(t))
  const forged = { host: 'app.example', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'admin.example', 'x-forwarded-proto': 'https' }
  t.match(await who(front, forged), {
    ip: localAddress,
    host: 'app.example',
    protocol: 'http',
    headers: {
      'x-forwarded-for': `127.0.0.1, ${localAddress}`,
      'x-forwarded-host': 'admin.example, app.example',
      'x-forwarded-proto': 'https, http'
    }
  })
})

t.test('what a proxy says that the server trusts holds at the upstream too', async t => {
  const front = await buildFront(t, await whoUpstream(t, {}, { trustProxy: ['127.0.0.1', localAddress] }), {}, {}, { trustProxy: localAddress })
  const proxied = { host: 'internal', 'x-forwarded-for': '203.0.113.9, 192.0.2.1', 'x-forwarded-host': 'app.example', 'x-forwarded-proto': 'https' }
  t.match(await who(front, proxied), { ip: '192.0.2.1', host: 'app.example', protocol: 'https' })
})

t.test('an upstream that does not trust the server believes nothing', async t => {
  const front = await buildFront(t, await whoUpstream(t, {}, { trustProxy: '192.0.2.1' }))
  t.match(await who(front, { host: 'app.example', 'x-forwarded-for': '192.0.2.7' }), { ip: '127.0.0.1', host: /^127\.0\.0\.1:/, protocol: 'http' })
})

t.test('the option https holds at the upstream', async t => {
  const front = await buildFront(t, await whoUpstream(t), {}, { https: true })
  t.match(await who(front), { protocol: 'https', headers: { 'x-forwarded-proto': 'https' } })
  t.match(await who(front, { 'x-forwarded-proto': 'http' }), { protocol: 'https', headers: { 'x-forwarded-proto': 'https, https' } })
})

t.test('a peer without an address is unknown, and never the server itself', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'remote-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const socketPath = join(folder, 'socket')
  const front = Fastify()
  front.register(batch, { executor: remote({ upstream: await whoUpstream(t) }) })
  t.teardown(() => front.close())
  await front.listen({ path: socketPath })
  const body = JSON.stringify({ batch: [get('/who')] })
  const response = await request(front, { socketPath, method: 'POST', path: '/batch', headers: { 'content-type': 'application/json' }, body })
  t.match(JSON.parse(JSON.parse(response.body.toString()).batch[0].body), { ip: 'unknown', headers: { 'x-forwarded-for': 'unknown' } })
})

t.test('RFC 7239: one element is added, and what else would be believed is left out', async t => {
  const front = await buildFront(t, await whoUpstream(t), { forwarded: 'rfc7239' })
  const forged = { host: 'app.example:81', 'x-forwarded-for': '192.0.2.1', 'x-forwarded-host': 'x', 'x-forwarded-proto': 'https' }
  const { headers } = await who(front, forged)
  t.equal(headers.forwarded, `for=${localAddress};host="app.example:81";proto=http`)
  for (const name in forged) if (name !== 'host') t.notOk(name in headers, name)
  t.equal((await who(front, { host: 'a', forwarded: 'for=192.0.2.43' })).headers.forwarded,
    `for=192.0.2.43, for=${localAddress};host="a";proto=http`)
  const other = await buildFront(t, await whoUpstream(t))
  t.notOk('forwarded' in (await who(other, { forwarded: 'for=192.0.2.43' })).headers, 'nor the other way round')
})

t.test('RFC 7239: addresses and hosts are quoted where they must be', async t => {
  const executor = remote({ upstream: await whoUpstream(t), forwarded: 'rfc7239' })
  t.teardown(() => executor.close!())
  const forwardedOf = async (remoteAddress: string, host: string) => {
    const { body } = await executor.execute({
      method: 'GET',
      url: '/who',
      headers: {},
      body: undefined,
      connection: { remoteAddress },
      origin: { host, protocol: 'https' },
      batch: { requestId: '1', index: 0, size: 1, deadline: 0 },
      route: '/batch'
    }, { app: Fastify(), maxResponseBytes: 10_000, signal: new AbortController().signal, onAbort () {} })
    return JSON.parse(Buffer.from(body).toString()).headers.forwarded
  }
  t.equal(await forwardedOf('2001:db8::1', 'a"\\b'), 'for="[2001:db8::1]";host="a\\"\\\\b";proto=https')
  t.equal(await forwardedOf('192.0.2.1', ''), 'for=192.0.2.1;proto=https')
})

t.test('a batch without a host gives its subrequests none', async t => {
  const front = Fastify()
  front.register(batch, { executor: remote({ upstream: await whoUpstream(t) }) })
  front.addHook('onRequest', async ({ raw }) => { delete raw.headers.host })
  t.teardown(() => front.close())
  const { batch: [answer] } = await injectBatch(front, [get('/who')], { headers: { 'x-forwarded-host': 'forged' } })
  t.notOk('x-forwarded-host' in JSON.parse(answer!.body).headers)
})

t.test('an item has no say in who is calling, even where it may set all headers', async t => {
  const front = await buildFront(t, await whoUpstream(t), {}, { protectedHeaders: [] })
  for (const name of ['Host', 'X-Forwarded-For', 'x-forwarded-host', 'x-forwarded-proto', 'Forwarded', 'Batch-Subrequest']) {
    t.match(await who(front, {}, { ...get('/who'), headers: { [name]: '127.0.0.1' } }), { code: 'FST_BATCH_PROTECTED_HEADER' }, name)
    const bound = [{ id: 'a', ...get('/who') }, { ...get('/who'), bind: { [`/headers/${name.toLowerCase()}`]: 'a/body/ip' } }]
    const { batch: answers, json } = await sendBatch(front, bound)
    t.match(answers?.[1]?.body ?? JSON.stringify(json), /FST_BATCH_(PROTECTED_HEADER|INVALID_BINDING)/, `bound ${name}`)
  }
})

t.test('an item has no say in where it is sent', async t => {
  const elsewhere = Fastify()
  let hits = 0
  elsewhere.addHook('onRequest', async () => { hits++ })
  t.teardown(() => elsewhere.close())
  const { host } = new URL(await originOf(elsewhere))
  const front = await buildFront(t, await whoUpstream(t))
  for (const url of [`http://${host}/who`, `//${host}/who`, `@${host}/who`, `\\\\${host}/who`, `/\\${host}`, `/who\r\nHost: ${host}`]) {
    t.match(await who(front, {}, get(url)), { code: 'FST_BATCH_INVALID_URL' }, url)
  }
  for (const url of [`/@${host}/who`, `/who?http://${host}/`, `/http://${host}/who`, '/:80/', '/?', '/who;x=1']) {
    const { batch: [answer] } = await sendBatch(front, [get(url)], { headers: { host, 'x-forwarded-host': host } })
    t.ok([200, 404].includes(answer!.status_code), url)
  }
  t.equal(hits, 0)
})
