// `npm run test:faults`: what goes wrong in production, on purpose. `-- --short` for every change, `-- NAME` for one.
import { asyncKills } from './async-kills.js'
import { closes } from './closes.js'
import { idleKills } from './idle-kills.js'
import { disconnects } from './disconnects.js'
import { kills } from './kills.js'
import { queueKills } from './queue-kills.js'
import { slowReaders } from './slow-readers.js'
import { terminations } from './terminations.js'
import { upstreams } from './upstreams.js'

const short = process.argv.includes('--short')
const [only] = process.argv.slice(2).filter(argument => argument !== '--short')
const scenarios = [
  [kills, { seconds: short ? 6 : 60, connections: 16, every: 150 }],
  [idleKills, { times: short ? 5 : 50 }],
  [closes, { times: short ? 5 : 100 }],
  [terminations, { times: short ? 2 : 100 }],
  [disconnects, { seconds: short ? 3 : 60, connections: 16 }],
  [slowReaders, short
    ? { readers: 200, admitted: 20, seconds: 1, limit: 256 }
    : { readers: 2000, admitted: 200, seconds: 10, limit: 512 }],
  [queueKills, { seconds: short ? 9 : 60, connections: 8, workers: 6, every: 500 }],
  [asyncKills, short ? { batches: 20, kills: 2, workers: 2 } : { batches: 100, kills: 10, workers: 3 }],
  [upstreams, { seconds: short ? 6 : 60, connections: 16, every: 500 }]
]

let failed = 0
for (const [scenario, settings] of scenarios) {
  if (only !== undefined && scenario.name !== only) continue
  console.log(`\n${scenario.name}: ${JSON.stringify(settings)}`)
  const { figures, promises } = await scenario(settings)
  for (const [name, figure] of Object.entries(figures)) console.log(`  ${name}: ${figure}`)
  for (const [promise, kept] of Object.entries(promises)) {
    console.log(`  ${kept ? 'ok' : 'NOT OK'} ${promise}`)
    if (!kept) failed++
  }
}
process.exitCode = failed === 0 ? 0 : 1
