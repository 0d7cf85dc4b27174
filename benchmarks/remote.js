// Other servers: how far two get with handlers that compute, and what the way there costs.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon from 'autocannon'
import { median } from './load.js'

async function start (file, ...args) {
  const server = fork(new URL(file, import.meta.url), args)
  const [{ port }] = await once(server, 'message')
  return { origin: `http://127.0.0.1:${port}`, stop: () => server.disconnect() }
}

/** Starts a server of each kind, measures them in turns, and stops them. The first round warms up. */
async function measure (kinds, rounds, run) {
  const upstreams = await Promise.all([start('remote-upstream.js'), start('remote-upstream.js')])
  const servers = await Promise.all(kinds.map(([executor, count = 0]) => {
    return start('remote-server.js', executor, ...upstreams.slice(0, count).map(({ origin }) => origin))
  }))
  const results = servers.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (const [index, { origin }] of servers.entries()) {
      const result = await run(`${origin}/batch`)
      if (round >= 0) results[index].push(result)
    }
  }
  for (const server of [...servers, ...upstreams]) server.stop()
  return results
}

const post = items => ({
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ batch: items })
})
const names = ['in this process', 'process pool, two workers', 'remote, one upstream', 'remote, two upstreams']
const kinds = [['in this process'], ['process pool'], ['remote', 1], ['remote', 2]]

/** Handlers that compute for 20 ms, in batches of 8 over 4 connections. @returns rows of a table */
export async function fleet ({ rounds, seconds }) {
  const request = post(Array(8).fill({ method: 'GET', url: '/compute' }))
  const results = await measure(kinds, rounds, async url => {
    const { '2xx': answered, duration } = await autocannon({ url, ...request, connections: 4, duration: seconds * 2 })
    return answered * 8 / duration
  })
  return results.map((runs, index) => ({
    executor: names[index],
    'subrequests/s': median(runs, rate => rate).toFixed(1),
    'against in this process': median(runs.map((rate, round) => rate / results[0][round]), ratio => ratio).toFixed(2)
  }))
}

/** Subrequests that do next to nothing, one at a time and twenty in a batch. @returns rows of a table */
export async function trivial ({ rounds, seconds }) {
  const item = { method: 'POST', url: '/echo', body: { a: 1 } }
  const times = []
  for (const size of [1, 20]) {
    const request = post(Array(size).fill(item))
    times.push(await measure(kinds, rounds, async url => {
      const { '2xx': answered, duration } = await autocannon({ url, ...request, connections: 1, duration: seconds })
      return duration * 1000 / answered / size
    }))
  }
  const [one, twenty] = times.map(results => results.map(runs => median(runs, time => time)))
  return names.map((executor, index) => ({
    executor,
    'alone, ms': one[index].toFixed(3),
    'more than in this process, ms': (one[index] - one[0]).toFixed(3),
    'each of twenty, ms': twenty[index].toFixed(3)
  }))
}
