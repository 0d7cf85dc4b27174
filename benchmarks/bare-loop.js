// What the batch route adds to the direct dispatch of its subrequests, without a socket.
import Fastify from 'fastify'
import { completeRequest, createRequest } from '../dist/dispatch/direct-request.js'
import { createResponse } from '../dist/dispatch/direct-response.js'
import { DirectSocket } from '../dist/dispatch/direct-socket.js'
import batch, { concurrent, sequential } from '../dist/index.js'

const items = 20
const batches = 500
const warmUp = 4
const wanted = 1.5

const connection = { remoteAddress: '127.0.0.1', remotePort: 1, remoteFamily: 'IPv4' }

/** @returns rows of a table */
export async function bareLoop ({ rounds }) {
  const executor = sequential({ dispatch: 'direct' })
  const app = Fastify()
  for (const make of [sequential, concurrent]) {
    app.register(batch, { url: `/${make.name}`, maxRequests: items, executor: make({ dispatch: 'direct' }) })
  }
  const schema = { response: { 200: { type: 'object', properties: { id: { type: 'integer' }, name: { type: 'string' } } } } }
  app.get('/users/:id', { schema }, async request => ({ id: Number(request.params.id), name: 'Ada Lovelace' }))
  // Takes and gives as much as the batch routes do.
  let answer = ''
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => { done(null, body) })
  app.post('/text', (_request, reply) => { reply.type('application/json; charset=utf-8').send(answer) })
  await app.ready()

  const context = { app, maxResponseBytes: 2 ** 23, onAbort () {} }
  const subrequest = (url, index) => ({
    method: 'GET',
    url,
    headers: { host: 'a.example', 'user-agent': 'bench' },
    body: undefined,
    connection,
    batch: { requestId: 'r', index, size: items },
    route: '/sequential'
  })
  const body = Buffer.from(JSON.stringify({
    batch: Array.from({ length: items }, (_, id) => ({ method: 'GET', url: `/users/${id}` }))
  }))
  answer = await post(app, '/sequential', 'application/json', body)
  const targets = {
    'bare loop': async () => {
      for (let id = 0; id < items; id++) await executor.execute(subrequest(`/users/${id}`, id), context)
    },
    'as much text': () => post(app, '/text', 'text/plain', body),
    'sequential, direct': () => post(app, '/sequential', 'application/json', body),
    'concurrent, direct': () => post(app, '/concurrent', 'application/json', body)
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
  // The batch request itself is one more, which is not what is asked about.
  const outer = best('as much text')
  return ['bare loop', 'sequential, direct', 'concurrent, direct'].map(name => {
    const cost = name === 'bare loop' ? best(name) : best(name) - outer
    const times = cost / best('bare loop')
    return { route: name, items, 'µs each': (cost / items).toFixed(2), 'against the bare loop': times.toFixed(2), wanted }
  })
}

/**
 * Gives a request to an app as its server would, and gives what it answers. Not by inject: where that is used, an
 * AsyncLocalStorage tells its batches from nested ones, which servers do not pay for.
 */
function post (app, url, contentType, body) {
  return new Promise(resolve => {
    const owner = { onClose () {}, onEnd () { resolve(socket.read().toString()) } }
    const socket = new DirectSocket(connection, 2 ** 23, owner)
    const headers = { host: 'a.example', 'user-agent': 'bench', 'content-type': contentType }
    const request = socket.request = createRequest({ method: 'POST', url, headers, body }, socket)
    app.routing(request, createResponse(request, socket, app.server))
    completeRequest(request, body)
  })
}
