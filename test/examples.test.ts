// The examples of the documents are run.
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { blocks, loadApp, moduleUrl } from './fixtures/examples.ts'
import { listen, request, sendBatch, type Teardown } from './helper.ts'

/** Runs the app of an example. */
async function run (t: Teardown, code: string): Promise<FastifyInstance> {
  const app = await loadApp(code)
  t.teardown(() => app.close())
  return app
}

t.test('the example of the README answers as the README says', async t => {
  const [example] = blocks('README.md', 'js')
  const app = await listen(await run(t, example!))

  const curl = blocks('README.md', 'sh').find(block => block.startsWith('curl'))!
  const { items, headers } = {
    items: JSON.parse(/-d '(.*)'/s.exec(curl)![1]!).batch,
    headers: Object.fromEntries([...curl.matchAll(/-H '([^:]*): ([^']*)'/g)].map(([, name, value]) => [name, value]))
  }
  const { status, json } = await sendBatch(app, items, { headers })
  t.equal(status, 200)
  const shown = JSON.parse(blocks('README.md', 'json')[0]!)
  t.strictSame(withoutDurations(json), withoutDurations(shown))
})

t.test('the executor of docs/executors.md works', async t => {
  const upstream = createServer((incoming, response) => {
    response.writeHead(203, { 'x-upstream': 'yes' }).end(`${incoming.method} ${incoming.url}`)
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => { upstream.close() })
  process.env.UPSTREAM = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`

  const example = blocks('docs/executors.md', 'js').find(block => block.includes('const upstream'))!
  const app = await listen(await run(t, example))
  const { batch } = await sendBatch(app, [{ method: 'get', url: '/a?b' }, { method: 'post', url: '/c', body: {} }])
  t.match(batch, [
    { status_code: 203, headers: { 'x-upstream': 'yes' }, body: 'GET /a?b' }, { status_code: 203, body: 'POST /c' }
  ])
})

t.test('the example of docs/options.md registers', async t => {
  const [example] = blocks('docs/options.md', 'js')
  const app = await listen(await run(t, example!))
  t.equal((await request(app, { method: 'POST', path: '/v1/batch' })).status, 400)
})

t.test('the server and the client of docs/streaming.md understand each other, as it shows', async t => {
  const [server, client] = blocks('docs/streaming.md', 'js') as [string, string]
  const app = await listen(await run(t, server))
  const { sendBatch } = await import(moduleUrl(client))
  const curl = blocks('docs/streaming.md', 'sh').find(block => block.startsWith('curl'))!
  const body = JSON.parse(/-d '(.*)'/s.exec(curl)![1]!)
  const { port } = app.server.address() as AddressInfo
  const lines: any[] = []
  const answers = sendBatch(`http://127.0.0.1:${port}/batch`, body)
  for (let next = await answers.next(); ; next = await answers.next()) {
    lines.push(next.value)
    if (next.done) break
  }
  const summary = lines.pop()
  const shown = blocks('docs/streaming.md', 'http')[0]!.trim().split('\n').slice(-4).map(line => JSON.parse(line))
  t.strictSame(summary, shown.pop().summary)
  t.strictSame(withoutDurations({ batch: lines }), withoutDurations({ batch: shown }))

  await t.rejects(sendBatch(`http://127.0.0.1:${port}/batch`, {}).next(), /FST_BATCH_INVALID_BATCH/)
  const cut = sendBatch(`http://127.0.0.1:${port}/batch`, body)
  t.match(await cut.next(), { value: { id: 'me' } })
  t.match(await cut.next(), { value: { index: 2 } })
  app.server.closeAllConnections()
  await t.rejects(cut.next(), 'a connection that is cut is an error')
})

function withoutDurations ({ batch }: { batch: Array<{ headers: Record<string, unknown> }> }) {
  return batch.map(answer => ({ ...answer, headers: { ...answer.headers, 'batch_requests.duration': 'some' } }))
}
