// The app: the same in the API process, where batches come to, and in every worker, where their subrequests run.
import Fastify from 'fastify'
import batch from 'fastify-batch-requests'
import { bullmq } from 'fastify-batch-requests/bullmq'

export const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) }
export const queue = 'fleet'

export default async function build () {
  const app = Fastify()
  app.register(batch, { executor: bullmq({ connection, queue }), responseBody: 'json' })
  app.get('/primes/:limit', async request => ({ primes: countPrimes(Number(request.params.limit)), pid: process.pid }))
  return app
}

function countPrimes (limit) {
  let count = 0
  for (let n = 2; n < limit; n++) if (isPrime(n)) count++
  return count
}

function isPrime (n) {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
