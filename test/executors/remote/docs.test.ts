// The example of the documentation, as two servers.
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { blocks } from '../../fixtures/examples.ts'
import { sendBatch } from '../../helper.ts'
import { get, secret } from './upstream.ts'

t.test('the example of docs/remote.md works', async t => {
  const modules: Record<string, string> = {
    fastify: import.meta.resolve('fastify'),
    'fastify-batch-requests': new URL('../../../lib/index.ts', import.meta.url).href,
    'fastify-batch-requests/remote': new URL('../../../lib/remote.ts', import.meta.url).href
  }
  const [front, upstream] = blocks('docs/remote.md', 'js').map(code => {
    const imported = code.replace(/(?<= from )'([^']+)'/g, (_from, name: string) => JSON.stringify(modules[name]))
    return `${imported.replace(/port: \d+/, 'port: 0, host: "127.0.0.1"')}\nexport { app }\n`
  })
  const folder = t.testdir({ 'front.mjs': front!, 'upstream.mjs': upstream! })
  const start = async (name: string) => {
    const { app } = await import(pathToFileURL(`${folder}/${name}`).href)
    t.teardown(() => app.close())
    return app
  }
  Object.assign(process.env, { BATCH_SECRET: secret, TRUSTED_PROXIES: '127.0.0.1' })
  process.env.UPSTREAM = `http://127.0.0.1:${(await start('upstream.mjs')).server.address().port}`
  const { batch: [answer] } = await sendBatch(await start('front.mjs'), [get('/who')], {
    localAddress: '127.0.0.3', headers: { host: 'app.example' }
  })
  t.match(JSON.parse(answer!.body), { ip: '127.0.0.3', host: 'app.example', batch: { requestId: 'req-1', index: 0, size: 1 } })
})
