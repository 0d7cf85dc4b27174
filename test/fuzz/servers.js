// One server for each executor and dispatcher, and what is known of all subrequests in them.
import assert from 'node:assert/strict'
import http from 'node:http'
import { bullmq, startWorker } from '../../dist/bullmq.js'
import batch, { channels, concurrent, processPool, sequential } from '../../dist/index.js'
import { remote } from '../../dist/remote.js'
import { hasRedis, startRedis } from '../faults/redis-process.js'
import build, { answering, client } from './app.js'

/** What was started and what has ended since the last `forget()`. */
export const seen = {
  started: 0,
  settled: 0,
  /** In order: `['start' or 'answer', index]`. There is no `answer` where handlers run elsewhere. */
  events: [],
  forget () { Object.assign(seen, { started: 0, settled: 0, events: [] }) }
}
channels.subrequest.start.subscribe(({ index }) => {
  seen.started++
  seen.events.push(['start', index])
})
channels.subrequest.asyncEnd.subscribe(() => { seen.settled++ })
answering.subscribe(index => { seen.events.push(['answer', index]) })

export const maxRequests = 20

// A batch that kept its places would be the reason for the next large one to be refused.
const options = {
  maxRequests,
  maxInFlight: maxRequests,
  subrequestTimeout: 2000,
  batchTimeout: 10_000,
  maxResponseBytes: 50_000,
  maxBatchResponseBytes: 200_000
}

/** Whom the app sees: the socket, or what a proxy in front says. */
const unproxied = { ip: client.address, trustProxy: false }
const proxied = { ip: client.forwarded, trustProxy: true }

/** Starts all servers. With `overrides`, options of the batch routes that are otherwise. */
export async function startServers (overrides = {}) {
  const upstream = await listen(build({ ip: client.address, trustProxy: (_address, hop) => hop === 0 }), {})
  const app = new URL('app.js', import.meta.url)
  const queue = await startQueue()
  const servers = []
  for (const [name, executor, seenAs] of [
    ['sequential, inject', sequential({ dispatch: 'inject' }), proxied],
    ['sequential, direct', sequential({ dispatch: 'direct' }), unproxied],
    ['concurrent, inject', concurrent({ limit: 4, dispatch: 'inject' }), unproxied],
    ['concurrent, direct', concurrent({ limit: 4, dispatch: 'direct' }), proxied],
    ['processPool', processPool({ app, workers: 1, concurrency: 4, arguments: [proxied] }), proxied],
    ['remote', remote({ upstream: upstream.origin }), unproxied],
    ...queue === undefined ? [] : [['bullmq', queue.executor, proxied]]
  ]) {
    const server = await listen(build(seenAs), { ...options, executor, ...overrides })
    servers.push({ name, inOrder: executor.perBatch === 1, inProcess: executor.inProcess === true, ...server })
  }
  return {
    servers,
    async close () {
      for (const server of [...servers, upstream]) await server.close()
      await queue?.close()
    }
  }
}

/** Starts Redis, and a worker in this process. */
async function startQueue () {
  if (!hasRedis) return console.log('SKIPPED: bullmq, as there is no redis-server on PATH')
  const redis = await startRedis()
  const options = { connection: { port: redis.port }, queue: 'fuzz' }
  const worker = await startWorker({ ...options, app: build, arguments: [proxied], concurrency: 4 })
  return {
    executor: bullmq(options),
    async close () {
      await worker.close()
      await redis.stop()
    }
  }
}

async function listen (app, options) {
  app.register(batch, options)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address()
  const agent = new http.Agent({ keepAlive: true, localAddress: client.address })
  return {
    port,
    origin,
    send: (text, headers) => send({ port, agent, path: '/batch', method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, text),
    request: (options, body) => send({ port, agent, ...options }, body),
    close () {
      agent.destroy()
      return app.close()
    }
  }
}

function send (options, body) {
  const headers = { 'x-forwarded-for': client.forwarded, host: client.host, ...options.headers }
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', timeout: 60_000, ...options, headers }, response => {
      const chunks = []
      response.on('data', chunk => { chunks.push(chunk) })
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('timeout', () => { request.destroy(new Error('no answer for a minute')) })
    request.on('error', reject)
    request.end(body)
  })
}

/** Sends each server the largest batch there may be: nothing is in its way, and it is answered. */
export async function expectAllPlaces (servers) {
  const items = Array(maxRequests).fill({ method: 'get', url: '/echo/x' })
  for (const { name, send } of servers) {
    const response = await send(JSON.stringify({ batch: items }))
    assert.equal(response.status, 200, `${name}: ${response.body}`)
    assert.deepEqual(readAnswers(response).batch.map(answer => answer.status_code), items.map(() => 200), name)
  }
}

/** Gives the answers to items by their index, of an answer that was accepted: JSON or lines. */
export function readAnswers ({ headers, body }) {
  if (headers['content-type'] !== 'application/x-ndjson') {
    const { batch, summary } = JSON.parse(body)
    return { batch, summary }
  }
  const lines = body.split('\n')
  if (lines.pop() !== '') throw new Error('the last line is not whole')
  const { summary } = JSON.parse(lines.pop())
  const batch = []
  for (const line of lines) {
    const { index, ...answer } = JSON.parse(line)
    if (index in batch) throw new Error(`two answers to batch/${index}`)
    batch[index] = answer
  }
  return { batch, summary }
}
