// The example of the documentation, as files of an app.
import { pathToFileURL } from 'node:url'
import { blocks } from '../../fixtures/examples.ts'
import { injectBatch } from '../../helper.ts'
import { get, startOnly } from './queue.ts'

const { t, connection } = await startOnly()
if (connection !== undefined) {
  t.test('the example of docs/bullmq.md works', async t => {
    const [app, , worker] = blocks('docs/bullmq.md', 'js')
    const modules: Record<string, string> = {
      fastify: import.meta.resolve('fastify'),
      'fastify-batch-requests': new URL('../../../lib/index.ts', import.meta.url).href,
      'fastify-batch-requests/bullmq': new URL('../../../lib/bullmq.ts', import.meta.url).href,
      './app.js': './app.mjs'
    }
    const resolve = (code: string) => code
      .replace(/(?<= from )'([^']+)'/g, (_from, name: string) => JSON.stringify(modules[name]))
      .replace(/process\.once\([^]*/, 'export default worker\n')
    const folder = t.testdir({ 'app.mjs': resolve(app!), 'worker.mjs': resolve(worker!) })
    process.env.REDIS_PORT = String(connection.port)
    const { default: build } = await import(pathToFileURL(`${folder}/app.mjs`).href)
    const { default: started } = await import(pathToFileURL(`${folder}/worker.mjs`).href)
    t.teardown(() => started.close())
    const api = await build()
    t.teardown(() => api.close())
    const { batch } = await injectBatch(api, [get('/sum/10'), get('/sum/1000000')])
    t.match(batch, [{ status_code: 200, body: '{"sum":55}' }, { status_code: 200, body: '{"sum":500000500000}' }])
  })
}
