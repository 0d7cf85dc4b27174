// This plugin beside other ways to answer many small requests, and whether it is as far ahead of them as it shall be.
import { alternate, batchOf, median, post } from './load.js'

const items = 20

const kinds = {
  GET: {
    plain: { path: '/users/1' },
    item: id => ({ method: 'GET', url: `/users/${id}` }),
    trpc: items => query('user', items),
    best: 'sequential, direct',
    route: '/direct/sequential'
  },
  'POST with a JSON body': {
    plain: { path: '/users', request: post({ id: 1 }) },
    item: id => ({ method: 'POST', url: '/users', body: { id } }),
    trpc: items => ({ path: `/trpc/${Array(items).fill('postUser')}?batch=1`, request: post(inputs(items)) }),
    best: 'sequential, direct',
    route: '/direct/sequential'
  },
  'GET that waits for 1 ms': {
    plain: { path: '/slow-users/1' },
    item: id => ({ method: 'GET', url: `/slow-users/${id}` }),
    trpc: items => query('slowUser', items),
    // One after another, a batch would only wait.
    best: '1000 at once, direct',
    route: '/direct/wide'
  }
}

// How many times as much a server core does, at least.
const wanted = [
  { against: 'plain requests', times: 2 },
  { against: 'by hand', times: 7 },
  { against: 'tRPC', times: 8 },
  { against: 'express-batch-requests', times: 20 }
]

/** @returns two tables */
export async function comparison (settings) {
  const comparison = []
  const ratios = []
  for (const [kind, { plain, item, trpc, best, route }] of Object.entries(kinds)) {
    const request = batchOf(items, item)
    const hundred = batchOf(100, item)
    const targets = {
      'plain requests': plain,
      'by hand': { path: '/by-hand', items, request },
      tRPC: { ...trpc(items), items },
      'express-batch-requests': { server: 'express-server.js', path: '/batch', items, request },
      'sequential, direct': { path: '/direct/sequential', items, request },
      'concurrent, direct': { path: '/direct/concurrent', items, request },
      '1000 at once, direct': { path: '/direct/wide', items, request },
      [`${best}, 100 items`]: { path: route, items: 100, request: hundred }
    }
    const results = await alternate(Object.values(targets), settings)
    const runs = new Map(Object.keys(targets).map((name, index) => [name, results[index]]))
    for (const [name, each] of runs) {
      comparison.push({
        requests: kind,
        route: name,
        'subrequests/s': Math.round(median(each, run => run.perSecond)),
        'server µs each': median(each, run => run.cpu).toFixed(1)
      })
    }
    const row = (route, against, wanted) => {
      const times = runs.get(against).map((run, round) => run.cpu / runs.get(route)[round].cpu)
      return { requests: kind, route, against, times: median(times, ratio => ratio).toFixed(2), wanted }
    }
    for (const { against, times } of wanted) ratios.push(row(best, against, times))
    ratios.push(row(`${best}, 100 items`, 'plain requests', 2.5))
  }
  return { comparison, ratios }
}

function inputs (items) {
  return Object.fromEntries(Array.from({ length: items }, (_, id) => [id, { id }]))
}

function query (name, items) {
  const input = encodeURIComponent(JSON.stringify(inputs(items)))
  return { path: `/trpc/${Array(items).fill(name)}?batch=1&input=${input}`, request: {} }
}
