// The example of the documentation.
import { createServer } from 'node:net'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import Fastify from 'fastify'
import { blocks } from '../fixtures/examples.ts'
import { startHere, startOnly } from '../executors/bullmq/queue.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('the example of docs/respond-async.md works', async t => {
    const [code] = blocks('docs/respond-async.md', 'js')
    const [sent, answered] = blocks('docs/respond-async.md', 'http')
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as { port: number }
    free.close()
    const modules: Record<string, string> = {
      fastify: import.meta.resolve('fastify'),
      'fastify-batch-requests': new URL('../../lib/index.ts', import.meta.url).href,
      'fastify-batch-requests/bullmq': new URL('../../lib/bullmq.ts', import.meta.url).href
    }
    const folder = t.testdir({
      'server.mjs': code!.replace(/(?<= from )'([^']+)'/g, (_from, name: string) => JSON.stringify(modules[name]))
        .replace('3000', String(port)) + '\nexport default app'
    })
    process.env.REDIS_PORT = String(connection.port)
    const { default: app } = await import(pathToFileURL(`${folder}/server.mjs`).href)
    t.teardown(() => app.close())

    const [head, body] = sent!.split('\n\n')
    const headers = Object.fromEntries(head!.split('\n').slice(1).map(line => line.split(': ')))
    const origin = `http://127.0.0.1:${port}`
    const response = await fetch(`${origin}/batch`, { method: 'POST', headers: { ...headers, 'x-user': 'ann' }, body: body! })
    t.equal(response.status, 202)
    const [answeredHead, answeredBody] = answered!.split('\n\n')
    for (const line of answeredHead!.split('\n').slice(1)) {
      const [name, value] = line.split(': ')
      t.match(response.headers.get(name!), name === 'location' ? /^\/batch\/[\w-]{22}$/ : value!, name!)
    }
    t.strictSame(await response.json(), JSON.parse(answeredBody!))

    const worker = Fastify()
    worker.post('/report', async () => 'long')
    worker.get('/me', async () => 'ann')
    await startHere(t, { connection, queue: 'batch', app: () => worker })
    const lines = await fetch(origin + response.headers.get('location'), {
      headers: { 'x-user': 'ann', accept: 'application/x-ndjson' }
    })
    t.match(await lines.text(), /"summary":\{"total":2,"ok":2/)
  })
}
