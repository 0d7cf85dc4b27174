// What the batch route adds to the direct dispatch of its subrequests, without a socket.
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../dist/index.js'

const items = 20
const batches = 500
const warmUp = 4

/** @returns rows of a table */
export async function bareLoop ({ rounds }) {
  const executor = sequential({ dispatch: 'direct' })
  const app = Fastify()
  for (const make of [sequential, concurrent]) {
    app.register(batch, { url: `/${make.name}`, maxRequests: items + 1, executor: make({ dispatch: 'direct' }) })
  }
  const schema = { response: { 200: { type: 'object', properties: { id: { type: 'integer' }, name: { type: 'string' } } } } }
  app.get('/users/:id', { schema }, async request => ({ id: Number(request.params.id), name: 'Ada Lovelace' }))
  await app.ready()

  const context = { app, maxResponseBytes: 2 ** 23, onAbort () {} }
  const subrequest = (url, index, route) => ({
    method: 'GET',
    url,
    headers: { host: 'a.example', 'user-agent': 'bench' },
    body: undefined,
    connection: { remoteAddress: '127.0.0.1', remotePort: 1, remoteFamily: 'IPv4' },
    batch: { requestId: 'r', index, size: items },
    route
  })
  const payload = { batch: Array.from({ length: items }, (_, id) => ({ method: 'GET', url: `/users/${id}` })) }
  const targets = {
    'bare loop': async () => {
      for (let id = 0; id < items; id++) await executor.execute(subrequest(`/users/${id}`, id, '/sequential'), context)
    },
    'one request by inject': () => app.inject({ method: 'GET', url: '/users/1' }),
    'sequential, direct': () => app.inject({ method: 'POST', url: '/sequential', payload }),
    'concurrent, direct': () => app.inject({ method: 'POST', url: '/concurrent', payload })
  }

  const results = new Map(Object.keys(targets).map(name => [name, []]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, run] of Object.entries(targets)) {
      const before = process.cpuUsage()
      for (let i = 0; i < batches; i++) {
        await run()
        await new Promise(setImmediate)
      }
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) results.get(name).push((user + system) / batches)
    }
  }
  const best = name => Math.min(...results.get(name))
  // The batch request itself goes through inject here, which is not what is asked about.
  const outer = best('one request by inject')
  return ['bare loop', 'sequential, direct', 'concurrent, direct'].map(name => {
    const cost = name === 'bare loop' ? best(name) : best(name) - outer
    return { route: name, items, 'µs each': (cost / items).toFixed(2), 'against the bare loop': (cost / best('bare loop')).toFixed(2) }
  })
}
