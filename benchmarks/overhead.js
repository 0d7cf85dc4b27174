// What a batch costs: plain requests, a batch route as people write it by hand, and this plugin.
import { load, median, startServer } from './load.js'

const rounds = Number(process.env.ROUNDS ?? 5)
const seconds = Number(process.env.SECONDS ?? 2)
const sizes = (process.env.SIZES ?? '1,5,20,100').split(',').map(Number)

const targets = ['/by-hand', '/sequential', '/concurrent']
const server = await startServer()
const plain = { path: '/users/1', method: 'GET', items: 1, seconds }
await load(server, plain)

const rows = []
for (const items of sizes) {
  const body = { batch: Array.from({ length: items }, (_, id) => ({ method: 'GET', url: `/users/${id}` })) }
  const results = new Map(['plain', ...targets].map(name => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const name of results.keys()) {
      const result = await load(server, name === 'plain' ? plain : { path: name, items, body, seconds })
      // The first round warms up.
      if (round >= 0) results.get(name).push(result)
    }
  }
  const byHand = results.get('/by-hand')
  for (const [name, runs] of results) {
    rows.push({
      items,
      route: name,
      'subrequests/s': Math.round(median(runs.map(run => run.perSecond))),
      'p50 ms': median(runs.map(run => run.p50)),
      'p99 ms': median(runs.map(run => run.p99)),
      'server µs each': Number(median(runs.map(run => run.cpu)).toFixed(1)),
      'cost against by hand': Number(median(runs.map((run, i) => run.cpu / byHand[i].cpu)).toFixed(2))
    })
  }
}
console.table(rows)
server.stop()
