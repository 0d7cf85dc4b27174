// What runs at the upstreams, in the workers of the pool, and in the server itself to compare with.
import Fastify from 'fastify'

export default function build () {
  const app = Fastify()
  // 20 ms of processor time, however many others want the processor.
  app.get('/compute', async () => {
    const start = process.cpuUsage()
    let x = 0
    do {
      for (let i = 0; i < 10_000; i++) x = (x * 1103515245 + i) % 2147483648
    } while (used(start) < 20_000)
    return { x }
  })
  app.post('/echo', async request => request.body)
  return app
}

function used (start) {
  const { user, system } = process.cpuUsage(start)
  return user + system
}
