import Fastify from 'fastify'
import t from 'tap'
import batch, { type BatchOptions } from '../../../lib/index.ts'
import { remote, type RemoteOptions } from '../../../lib/remote.ts'
import { secret } from './upstream.ts'

const upstream = 'http://127.0.0.1:1'

for (const [name, value] of [
  ...['app.internal', '127.0.0.1:3000', '', 'http://', 'ftp://a', 'http://a/path', 'http://a/?q', 'http://u:p@a', 'http://a/#h', 5, null, [], [upstream, 'x']]
    .map(value => ['upstream', value]),
  ['connections', 0], ['limit', 1.5], ['http2', 'yes'], ['connect', null], ['connect', () => {}], ['keepAliveTimeout', 0],
  ['forwarded', 'via'], ['retries', -1], ['retries', Infinity], ['secret', 5], ['secret', 'too short'], ['redirect', true]
] as Array<[string, unknown]>) {
  t.test(`a wrong option is named: ${name} ${JSON.stringify(value)}`, async t => {
    t.throws(() => remote({ upstream, [name]: value }), { code: 'FST_BATCH_INVALID_OPTION', message: new RegExp(`"${name}"`) })
  })
}

t.test('there must be an upstream', async t => {
  t.throws(() => remote({} as RemoteOptions), { message: 'option "upstream" must be the origin of a server, or an array of such, got undefined' })
})

t.test('a secret is in no message', async t => {
  for (const given of ['hunter2', ['hunter2'], [secret, 'hunter2']]) {
    const app = Fastify()
    app.register(batch, { secret: given } as BatchOptions)
    await t.rejects(async () => app.ready(), { message: 'option "secret" must be a string of at least 32 characters, or an array of such, got something else' })
  }
  t.throws(() => remote({ upstream, secret: 'hunter2' }), { message: 'option "secret" must be a string of at least 32 characters, got something else' })
})

t.test('as many at once as there may be connections, unless something else is said', async t => {
  t.match(remote({ upstream }), { name: 'remote', perBatch: 32, total: 32 })
  t.match(remote({ upstream: [upstream, 'https://app.internal', new URL(upstream)], connections: 5 }), { perBatch: 10, total: 10 })
  t.match(remote({ upstream, http2: true, connections: 2 }), { total: 200 })
  t.match(remote({ upstream, limit: 7 }), { perBatch: 7, total: 7 })
})

t.test('what cannot go to another server is refused', async t => {
  const transaction = { begin () {}, commit () {}, rollback () {} }
  for (const options of [{ transaction }, { allow: () => true }]) {
    const app = Fastify()
    app.register(batch, { executor: remote({ upstream }), ...options } as BatchOptions)
    await t.rejects(async () => app.ready(), { code: 'FST_BATCH_INVALID_OPTION', message: /"remote"/ })
  }
})
