import http from 'node:http'
import { setTimeout } from 'node:timers/promises'
import Fastify from 'fastify'
import batch, { channels, concurrent, sequential } from '../../dist/index.js'

const places = 1000

/** Half of all clients hang up at a random moment, with answers in JSON and in lines. */
export async function disconnects ({ seconds, connections }) {
  const counts = { batches: 0, answered: 0, 'hung up': 0, wrong: 0, started: 0, settled: 0, aborted: 0 }
  /** Batches whose client is gone, by app and request id. */
  const gone = new Set()
  const late = { starts: 0, handlers: 0 }
  const start = ({ requestId }) => {
    counts.started++
    if (gone.has(requestId)) late.starts++
  }
  const settle = () => { counts.settled++ }
  channels.subrequest.start.subscribe(start)
  channels.subrequest.asyncEnd.subscribe(settle)

  const apps = []
  for (const [name, executor] of [
    ['sequential', sequential()],
    ['concurrent', concurrent({ limit: 64, dispatch: 'direct' })]
  ]) {
    let requests = 0
    const app = Fastify({ genReqId: () => `${name} ${requests++}` })
    app.addHook('onRequest', async (request, reply) => {
      if (request.batch !== null) return
      reply.raw.once('close', () => { if (!reply.raw.writableFinished) gone.add(request.id) })
    })
    app.register(batch, { executor, maxRequests: places, maxInFlight: places })
    // It is told to end with the client: one that goes on to its own end was not told.
    app.get('/wait', async ({ batch, query, signal }) => {
      try {
        await setTimeout(Number(query.ms), undefined, { signal })
      } catch {
        counts.aborted++
      }
      if (gone.has(batch.requestId) && !signal.aborted) late.handlers++
      return 'x'.repeat(1000)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    apps.push(app)
  }

  const agent = new http.Agent({ keepAlive: true })
  const end = performance.now() + seconds * 1000
  const clients = Array.from({ length: connections }, async (_, connection) => {
    const { port } = apps[connection % apps.length].server.address()
    while (performance.now() < end) {
      counts.batches++
      const items = Array.from({ length: 10 }, () => ({ method: 'get', url: `/wait?ms=${Math.random() * 15}` }))
      const hangUpAfter = Math.random() < 0.5 ? Math.random() * 40 : undefined
      const became = await send({ port, agent }, items, Math.random() < 0.5, hangUpAfter)
      counts[became]++
    }
  })
  await Promise.all(clients)

  const left = performance.now()
  while (counts.settled < counts.started && performance.now() - left < 5000) await setTimeout(1)
  const settledAfter = Math.round(performance.now() - left)
  // A place that is still taken would be one too few for this.
  const largest = { batch: Array(places).fill({ method: 'get', url: '/nowhere' }) }
  const accepted = []
  for (const app of apps) accepted.push((await app.inject({ method: 'POST', url: '/batch', payload: largest })).statusCode)
  agent.destroy()
  for (const app of apps) await app.close()
  channels.subrequest.start.unsubscribe(start)
  channels.subrequest.asyncEnd.unsubscribe(settle)
  return {
    figures: { ...counts, 'ms until nothing was in flight': settledAfter },
    promises: {
      'many hung up, and many were answered': Math.min(counts['hung up'], counts.answered) > counts.batches / 10,
      'every batch was answered whole, or its client had hung up':
        counts.wrong === 0 && counts.answered + counts['hung up'] === counts.batches,
      'every subrequest that was started has ended': counts.started === counts.settled,
      'nothing was in flight 500 ms after the last client': settledAfter < 500,
      'every place was free again': accepted.every(status => status === 200),
      'nothing was started for a client that was gone': late.starts === 0,
      'running handlers were told': late.handlers === 0 && counts.aborted > 0
    }
  }
}

/** Gives what became of a batch: `answered`, `wrong`, or `hung up` by its client. */
function send (to, items, lines, hangUpAfter) {
  const headers = { 'content-type': 'application/json', accept: lines ? 'application/x-ndjson' : 'application/json' }
  const timer = new AbortController()
  let hangUp
  const hungUp = new Promise(resolve => { hangUp = resolve })
  const answered = new Promise((resolve, reject) => {
    const request = http.request({ ...to, host: '127.0.0.1', method: 'POST', path: '/batch', headers }, response => {
      response.toArray().then(chunks => { resolve(Buffer.concat(chunks).toString()) }, reject)
    })
    request.on('error', reject)
    request.end(JSON.stringify({ batch: items }))
    if (hangUpAfter === undefined) return
    setTimeout(hangUpAfter, undefined, { signal: timer.signal }).then(() => {
      hangUp('hung up')
      request.destroy()
    }, () => {})
  }).then(text => {
    timer.abort()
    const answers = lines ? text.trim().split('\n').slice(0, -1).map(line => JSON.parse(line)) : JSON.parse(text).batch
    return answers.length === items.length && answers.every(answer => answer.status_code === 200) ? 'answered' : 'wrong'
  })
  return Promise.race([hungUp, answered])
}
