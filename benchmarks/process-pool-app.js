// What runs in the workers of the pool, and in the server itself to compare with.
import Fastify from 'fastify'

export default function build (options, loops) {
  const app = Fastify(options)
  app.get('/compute', async () => ({ x: compute(loops) }))
  app.post('/echo', async request => request.body)
  return app
}

/** Pure computation. */
export function compute (loops) {
  let x = 0
  for (let i = 0; i < loops; i++) x = (x * 1103515245 + i) % 2147483648
  return x
}
