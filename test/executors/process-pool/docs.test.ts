// The example of the documentation, as files of an app.
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { blocks } from '../../fixtures/examples.ts'
import { injectBatch } from '../../helper.ts'
import { get } from './pool.ts'

t.test('the example of docs/process-pool.md works', async t => {
  const [appCode] = blocks('docs/process-pool.md', 'js')
  const modules: Record<string, string> = {
    fastify: import.meta.resolve('fastify'),
    'fastify-batch-requests': new URL('../../../lib/index.ts', import.meta.url).href
  }
  const code = appCode!.replace(/(?<= from )'([^']+)'/g, (_from, name: string) => JSON.stringify(modules[name]))
  const folder = t.testdir({ 'app.mjs': code })
  const { default: build } = await import(pathToFileURL(`${folder}/app.mjs`).href)
  const app = await build({ pluginTimeout: 100_000 })
  t.teardown(() => app.close())
  const { batch } = await injectBatch(app, [get('/sum/10'), get('/sum/1000000')])
  t.match(batch, [{ status_code: 200, body: '{"sum":55}' }, { status_code: 200, body: '{"sum":500000500000}' }])
})
