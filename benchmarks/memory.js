// `node --expose-gc benchmarks/memory.js`: whether 200 000 subrequests leave the heap where it was.
import Fastify from 'fastify'
import batch, { concurrent, sequential } from '../dist/index.js'

const items = 100
const batches = 2000

for (const dispatch of ['inject', 'direct']) {
  for (const make of [sequential, concurrent]) {
    const app = Fastify()
    app.register(batch, { executor: make({ dispatch }), maxRequests: items })
    app.get('/users/:id', async request => ({ id: Number(request.params.id), name: 'Ada Lovelace' }))
    app.post('/users', async request => request.body)
    const payload = {
      batch: Array.from({ length: items }, (_, id) => (
        id % 2 === 0 ? { method: 'GET', url: `/users/${id}` } : { method: 'POST', url: '/users', body: { id } }
      ))
    }
    const run = async count => {
      for (let i = 0; i < count; i++) await app.inject({ method: 'POST', url: '/batch', payload })
    }
    await run(100)
    const before = heap()
    await run(batches)
    const kept = (heap() - before) / (items * batches)
    console.log(`${dispatch}, ${make.name}: ${kept.toFixed(2)} bytes kept for each of ${items * batches} subrequests`)
    if (kept > 1) process.exitCode = 1
    await app.close()
  }
}

function heap () {
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}
