// What one and two workers of a queue do against this process and a pool, and what the way through Redis costs.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon from 'autocannon'
import { startRedis } from '../test/faults/redis-process.js'
import { median } from './load.js'
import { countLoops } from './process-pool.js'

async function start (program, ...values) {
  const child = fork(new URL(program, import.meta.url), values)
  const [message] = await once(child, 'message')
  return { message, stop: () => child.disconnect() }
}

const targets = [
  ['in this process', 0], ['process pool of 2', 0], ['bullmq', 1], ['bullmq', 2]
].map(([executor, workers]) => ({ executor, workers, name: workers === 0 ? executor : `${executor}, workers: ${workers}` }))

/** Measures one target after another, each with a queue of its own. */
async function measure ({ rounds, seconds }, request, connections, figure) {
  const redis = await startRedis()
  const values = [String(redis.port), String(countLoops(20))]
  const results = targets.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (const [index, { executor, workers }] of targets.entries()) {
      const fleet = await Promise.all(Array.from({ length: workers }, () => start('queue-worker.js', ...values)))
      const server = await start('queue-server.js', executor, ...values)
      const times = []
      const url = `http://127.0.0.1:${server.message.port}/batch`
      const run = autocannon({ url, ...request, connections, duration: seconds })
      run.on('response', (client, status, length, time) => { times.push(time) })
      const { '2xx': answered, duration } = await run
      if (round >= 0) results[index].push(figure({ answered, duration, times }))
      for (const process of [server, ...fleet]) process.stop()
    }
  }
  await redis.stop()
  return results
}

const post = items => ({
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ batch: items })
})

/** Handlers that compute for 20 ms, in batches of 8 over 4 connections. @returns rows of a table */
export async function queueComputing ({ rounds, seconds }) {
  const request = post(Array(8).fill({ method: 'GET', url: '/compute' }))
  const rate = ({ answered, duration }) => answered * 8 / duration
  const results = await measure({ rounds, seconds: seconds * 2 }, request, 4, rate)
  return results.map((runs, index) => ({
    executor: targets[index].name,
    'subrequests/s': median(runs, rate => rate).toFixed(1),
    'against in this process': median(runs.map((rate, round) => rate / results[0][round]), ratio => ratio).toFixed(2)
  }))
}

/** One trivial subrequest at a time. @returns rows of a table */
export async function queueRoundTrip (settings) {
  const request = post([{ method: 'POST', url: '/echo', headers: { 'content-type': 'text/plain' }, body: 'x' }])
  const middle = ({ times }) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]
  const medians = (await measure(settings, request, 1, middle)).map(runs => median(runs, time => time))
  return targets.map(({ name }, index) => ({
    executor: name, ms: medians[index].toFixed(2), 'more, ms': (medians[index] - medians[0]).toFixed(2)
  }))
}
