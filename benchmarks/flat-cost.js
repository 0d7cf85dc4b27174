// Whether a subrequest of a large batch costs what one of a small batch costs.
import { alternate, median } from './load.js'

const sizes = [1, 10, 20, 100, 1000]
const reference = sizes.indexOf(20)

/** @returns rows of a table */
export async function flatCost (settings) {
  const rows = []
  for (const route of ['inject/sequential', 'inject/concurrent', 'direct/sequential', 'direct/concurrent']) {
    const results = await alternate(sizes.map(items => ({ path: `/${route}`, items })), settings)
    for (const [index, runs] of results.entries()) {
      rows.push({
        route,
        items: sizes[index],
        'server µs each': median(runs, run => run.cpu).toFixed(1),
        'against 20 items': median(runs.map((run, round) => run.cpu / results[reference][round].cpu), ratio => ratio).toFixed(2)
      })
    }
  }
  return rows
}
