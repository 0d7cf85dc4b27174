// What runs in the workers of the pool, and in the server itself to compare with.
import Fastify from 'fastify'

export default function build (options) {
  const app = Fastify(options)
  // About 20 ms of pure computation.
  app.get('/compute', async () => {
    let x = 0
    for (let i = 0; i < rounds; i++) x = (x * 1103515245 + i) % 2147483648
    return { x }
  })
  app.post('/echo', async request => request.body)
  return app
}

const rounds = calibrate(20)

/** How often the loop runs in so many milliseconds, on this machine. */
function calibrate (milliseconds) {
  let x = 0
  let i = 0
  const end = performance.now() + 200
  while (performance.now() < end) for (const last = i + 10_000; i < last; i++) x = (x * 1103515245 + i) % 2147483648
  return x < 0 ? 0 : Math.round(i * milliseconds / 200)
}
