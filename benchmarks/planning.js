// What it costs to plan a batch whose items wait for each other, beside running it.
import Fastify from 'fastify'
import batch, { concurrent } from '../dist/index.js'
import { planBatch } from '../dist/plan.js'
import { linkItems } from '../dist/plan/dependencies.js'
import { planItem } from '../dist/plan/item.js'
import { headerPolicy } from '../dist/subrequest/headers.js'
import { median } from './load.js'

const graphs = {
  plain: () => ({}),
  chain: index => ({ id: `n${index}`, depends_on: index === 0 ? [] : [`n${index - 1}`] }),
  backwards: (index, items) => ({ id: `n${index}`, depends_on: index === items - 1 ? [] : [`n${index + 1}`] }),
  star: index => ({ id: `n${index}`, depends_on: index === 0 ? [] : ['n0'] }),
  // Each item waits for all ten of the layer before its own.
  layers: index => ({
    id: `n${index}`,
    depends_on: index < 10 ? [] : Array.from({ length: 10 }, (_, n) => `n${index - index % 10 - 10 + n}`)
  })
}

/** @returns rows of a table */
export async function planning ({ rounds }) {
  const app = Fastify({ bodyLimit: 2 ** 24 })
  app.get('/users/:id', async request => ({ id: request.params.id }))
  app.register(batch, { executor: concurrent({ dispatch: 'direct' }), maxRequests: 1000 })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${app.server.address().port}/batch`

  const rows = []
  for (const items of [10, 100, 1000]) {
    for (const [graph, dependencies] of Object.entries(graphs)) {
      const text = JSON.stringify({
        batch: Array.from({ length: items }, (_, index) => ({ method: 'GET', url: `/users/${index}`, ...dependencies(index, items) }))
      })
      const results = []
      for (let round = -10; round < rounds * 10; round++) {
        // Read anew each time, as it is by a server: V8 keeps what it knows of strings with them.
        const planned = time(JSON.parse(text), body => { planBatch(body, parent(items), rules) })
        const unlinked = JSON.parse(text).batch.map((item, index) => planItem(item, index, rules))
        const linked = time(unlinked, linkItems)
        const started = performance.now()
        const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text })
        await response.arrayBuffer()
        if (round >= 0) results.push({ planned, linked, whole: performance.now() - started })
      }
      const planned = median(results, result => result.planned)
      const linked = median(results, result => result.linked)
      const whole = median(results, result => result.whole)
      rows.push({
        graph,
        items,
        'planning µs': (planned * 1000).toFixed(0),
        'µs for each item': (planned * 1000 / items).toFixed(2),
        'whole batch ms': whole.toFixed(2),
        share: `${(planned / whole * 100).toFixed(2)} %`,
        'share of dependencies': `${(linked / whole * 100).toFixed(2)} %`
      })
    }
  }
  await app.close()
  return rows
}

const rules = {
  headerPolicy: headerPolicy([], []), defaultContentType: 'application/json', methods: new Set(['GET']), requestIdHeader: false
}

function parent (size) {
  return { requestId: 'req-1', route: '/batch', size, headers: { host: 'localhost' }, connection: {} }
}

function time (given, work) {
  const started = performance.now()
  work(given)
  return performance.now() - started
}
