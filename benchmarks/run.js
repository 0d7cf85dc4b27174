// `npm run bench`: measures everything and prints it as the tables of benchmarks/README.md.
// ROUNDS and SECONDS of each measurement come from the environment, NAMES choose benchmarks.
import os from 'node:os'
import { bareLoop } from './bare-loop.js'
import { comparison } from './comparison.js'
import { fairness } from './fairness.js'
import { flatCost } from './flat-cost.js'
import { logging } from './logging.js'
import { overhead } from './overhead.js'
import { pageLoad } from './page-load.js'
import { planning } from './planning.js'
import { computing, roundTrip } from './process-pool.js'
import { queueComputing, queueRoundTrip } from './queue.js'
import { fleet, trivial } from './remote.js'
import { streaming } from './streaming.js'

const benchmarks = {
  overhead,
  comparison,
  'flat-cost': flatCost,
  logging,
  'bare-loop': bareLoop,
  planning,
  streaming,
  'page-load': pageLoad,
  fairness,
  computing,
  'round-trip': roundTrip,
  'queue-computing': queueComputing,
  'queue-round-trip': queueRoundTrip,
  fleet,
  trivial
}
const names = process.env.NAMES?.split(',') ?? Object.keys(benchmarks)
const settings = { rounds: Number(process.env.ROUNDS ?? 7), seconds: Number(process.env.SECONDS ?? 2) }

console.log(`Node.js ${process.version}, ${os.cpus().length} × ${os.cpus()[0].model}, ${os.type()} ${os.release()}, ` +
  `${new Date().toISOString().slice(0, 10)}, medians of ${settings.rounds} rounds of ${settings.seconds} s`)
for (const name of names) {
  const tables = await benchmarks[name](settings)
  for (const [title, rows] of Object.entries(Array.isArray(tables) ? { [name]: tables } : tables)) print(title, rows)
}

function print (title, rows) {
  const columns = Object.keys(rows[0])
  console.log(`\n## ${title}\n`)
  console.log(`| ${columns.join(' | ')} |\n|${'---|'.repeat(columns.length)}`)
  for (const row of rows) console.log(`| ${Object.values(row).join(' | ')} |`)
}
