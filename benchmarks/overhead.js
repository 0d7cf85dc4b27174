// What a batch costs: plain requests, a batch route as people write it by hand, and this plugin.
import { alternate, median } from './load.js'

/** @returns rows of a table */
export async function overhead (settings) {
  const rows = []
  for (const items of [1, 5, 20, 100]) {
    const targets = [
      { name: 'plain requests', path: '/users/1' },
      { name: 'by hand', path: '/by-hand', items },
      { name: 'sequential, inject', path: '/inject/sequential', items },
      { name: 'concurrent, inject', path: '/inject/concurrent', items },
      { name: 'sequential, direct', path: '/direct/sequential', items },
      { name: 'concurrent, direct', path: '/direct/concurrent', items }
    ]
    const results = await alternate(targets, settings)
    const byHand = results[1]
    for (const [index, runs] of results.entries()) {
      rows.push({
        items,
        route: targets[index].name,
        'subrequests/s': Math.round(median(runs, run => run.perSecond)),
        'p50 ms': median(runs, run => run.p50).toFixed(2),
        'p99 ms': median(runs, run => run.p99).toFixed(2),
        'server µs each': median(runs, run => run.cpu).toFixed(1),
        'against by hand': median(runs.map((run, round) => run.cpu / byHand[round].cpu), ratio => ratio).toFixed(2)
      })
    }
  }
  return rows
}
