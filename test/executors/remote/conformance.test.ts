import t from 'tap'
import { remote } from '../../../lib/remote.ts'
import { findNginx, startNginx } from '../../fixtures/nginx.ts'
import { conformanceApp } from '../conformance-app.ts'
import { testConformance } from '../conformance.ts'
import { buildUpstream, ca, https, originOf, secret } from './upstream.ts'

const upstream = async (server: object = {}) => {
  const app = buildUpstream(t, { secret }, server)
  app.register(conformanceApp)
  return originOf(app)
}
const origins = await Promise.all([upstream(), upstream(), upstream({ https }), upstream({ http2: true, https })])
const [one, other, secure, second] = origins as [string, string, string, string]
const connect = { ca, servername: 'localhost' }

// Nobody can know that the answer after the announcement will never come.
const informational = { status_code: 504, outcome: 'unknown' }

testConformance('remote', () => remote({ upstream: one, secret }), { informational })
testConformance('remote, two origins', () => remote({ upstream: [one, new URL(other)], secret }), { informational })
testConformance('remote, TLS', () => remote({ upstream: secure, secret, connect }), { informational })
testConformance('remote, HTTP/2', () => remote({ upstream: second, secret, connect, http2: true }), { informational })

const nginx = findNginx()
const directives = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;'
if (nginx === undefined) {
  t.test('remote, behind nginx', { skip: 'nginx is not installed' }, async () => {})
} else {
  const socketPath = await startNginx(t, nginx, Number(new URL(one).port), directives)
  // What nginx says when its upstream fails is an answer.
  const reset = { status_code: 502, outcome: undefined, body: /nginx/ }
  testConformance('remote, behind nginx', () => remote({ upstream: 'http://app.internal', secret, connect: { socketPath } }), { reset, informational })
}
