// A page that needs 20 resources of 5 ms each, over TLS and a round trip of 50 ms: in the ways there are.
import { once } from 'node:events'
import http2 from 'node:http2'
import https from 'node:https'
import { writeChart } from './chart.js'
import { startDelayingProxy } from './delaying-proxy.js'
import { batchOf, quantile, startWaitingServer, timeBatch } from './waiting.js'

const roundTrip = 50
const urls = Array(20).fill('/wait/5')

export async function pageLoad ({ rounds }) {
  const server = await startWaitingServer('tls')
  const proxy = await startDelayingProxy(server.port, roundTrip)
  const { port } = proxy
  const batch = lines => async agent => timeBatch({
    port, path: '/concurrent', body: batchOf(urls), lines, agent: agent.https, secure: true
  })
  const ways = {
    'one by one, 6 connections of HTTP/1.1': agent => timeAll(url => get(port, url, agent.https)),
    'one by one, HTTP/2': agent => timeAll(url => getHttp2(agent.session(port), url)),
    batch: batch(false),
    'streamed batch': batch(true)
  }
  const results = []
  for (const [label, load] of Object.entries(ways)) {
    const cold = []
    const warm = []
    for (let round = 0; round < rounds; round++) {
      const agent = openAgent()
      cold.push(await load(agent))
      warm.push(await load(agent))
      agent.close()
    }
    for (const [connections, times] of Object.entries({ new: cold, open: warm })) {
      const [first, last] = ['first', 'last'].map(name => quantile(times.map(time => time[name]), 0.5))
      results.push({ label, connections, first, last })
    }
  }
  proxy.stop()
  server.stop()
  const bars = ['new', 'open'].flatMap(connections => results.filter(result => result.connections === connections))
  writeChart('page-load', `A page of 20 requests, round trip ${roundTrip} ms`, bars.map(({ label, connections, ...times }) => ({
    label: `${label.replace('one by one, ', '').replace(' connections of', ' ×')}, ${connections}`, ...times
  })))
  return results.map(({ label, connections, first, last }) => ({
    way: label, connections, 'first answer ms': first.toFixed(0), 'last answer ms': last.toFixed(0)
  }))
}

/** What a browser keeps of a server: up to 6 connections of HTTP/1.1, or one of HTTP/2. */
function openAgent () {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 6 })
  let session
  return {
    https: agent,
    session: port => (session ??= http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })),
    close () {
      agent.destroy()
      session?.destroy()
    }
  }
}

async function timeAll (send) {
  const began = performance.now()
  const times = await Promise.all(urls.map(async url => {
    await send(url)
    return performance.now() - began
  }))
  return { first: Math.min(...times), last: Math.max(...times) }
}

async function get (port, path, agent) {
  const [response] = await once(https.get({ port, path, agent, host: '127.0.0.1', rejectUnauthorized: false }), 'response')
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`)
  await once(response.resume(), 'end')
}

async function getHttp2 (session, path) {
  await once(session.request({ ':path': path }).resume(), 'end')
}
