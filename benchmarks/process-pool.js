// When a process pool pays: what handlers must compute for it, and what the way to another process costs.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon from 'autocannon'
import { median } from './load.js'
import { compute } from './process-pool-app.js'

const executors = ['in this process', 'process pool']

/** How many loops take so many milliseconds here: counted once, for all to do the same. */
export function countLoops (milliseconds) {
  const loops = 1_000_000
  const times = Array.from({ length: 20 }, () => {
    const start = performance.now()
    compute(loops)
    return performance.now() - start
  })
  return Math.round(loops * milliseconds / Math.min(...times))
}

async function startServers () {
  const loops = countLoops(20)
  return Promise.all(executors.map(async executor => {
    const server = fork(new URL('./process-pool-server.js', import.meta.url), [executor, loops])
    const [{ port }] = await once(server, 'message')
    return {
      executor,
      url: `http://127.0.0.1:${port}/batch`,
      async loopDelay () {
        server.send('delay')
        return (await once(server, 'message'))[0].p99
      },
      stop: () => server.disconnect()
    }
  }))
}

const post = items => ({
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ batch: items })
})

/** Handlers that compute for 20 ms, in batches of 8 over 4 connections. @returns rows of a table */
export async function computing ({ rounds, seconds }) {
  const servers = await startServers()
  const results = servers.map(() => [])
  const request = post(Array(8).fill({ method: 'GET', url: '/compute' }))
  for (let round = -1; round < rounds; round++) {
    for (const [index, server] of servers.entries()) {
      await server.loopDelay()
      const { '2xx': answered, duration } = await autocannon({ url: server.url, ...request, connections: 4, duration: seconds * 2 })
      const p99 = await server.loopDelay()
      if (round >= 0) results[index].push({ perSecond: answered * 8 / duration, p99 })
    }
  }
  for (const server of servers) server.stop()
  return results.map((runs, index) => ({
    executor: executors[index],
    'subrequests/s': median(runs, run => run.perSecond).toFixed(1),
    'against in this process': median(runs.map((run, round) => run.perSecond / results[0][round].perSecond), ratio => ratio).toFixed(2),
    'event loop delay p99, ms': median(runs, run => run.p99).toFixed(0)
  }))
}

/** One trivial subrequest at a time, with bodies of several sizes there and back. @returns rows of a table */
export async function roundTrip ({ rounds, seconds }) {
  const servers = await startServers()
  const rows = []
  for (const [size, bytes] of [['1 KB', 1000], ['100 KB', 100_000], ['1 MB', 1_000_000]]) {
    const request = post([{ method: 'POST', url: '/echo', headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(bytes) }])
    const results = servers.map(() => [])
    for (let round = -1; round < rounds; round++) {
      for (const [index, server] of servers.entries()) {
        const times = []
        const run = autocannon({ url: server.url, ...request, connections: 1, duration: seconds })
        run.on('response', (client, status, length, time) => { times.push(time) })
        await run
        if (round >= 0) results[index].push(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)])
      }
    }
    const medians = results.map(runs => median(runs, time => time))
    rows.push({ body: size, ...Object.fromEntries(executors.map((executor, index) => [`${executor}, ms`, medians[index].toFixed(2)])), 'more, ms': (medians[1] - medians[0]).toFixed(2) })
  }
  for (const server of servers) server.stop()
  return rows
}
