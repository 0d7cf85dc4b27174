// `npm run fuzz`: random batches. `-- --short` for every change, `-- NAME` for one, `-- --seed N` to repeat.
import { parseArgs } from 'node:util'
import { rawBytes } from './bytes.js'
import { hostile } from './hostile.js'
import { valid } from './valid.js'

const { values: { short, ...values }, positionals: [only] } = parseArgs({
  options: { short: { type: 'boolean' }, seed: { type: 'string' } }, allowPositionals: true
})
// In every landing the same ones, so that what is red is red again.
const seed = values.seed === undefined ? short ? 20261122 : Date.now() % 2 ** 31 : Number(values.seed)
const checks = [
  [hostile, short ? 1500 : 100_000],
  [valid, short ? 300 : 20_000],
  [rawBytes, short ? 500 : 20_000]
]

let current
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, error => {
    console.log(`  NOT OK: the process would have ended, seed ${seed}, with`, current, error)
    process.exit(1)
  })
}

for (const [check, runs] of checks) {
  if (only !== undefined && check.name !== only) continue
  console.log(`\n${check.name}: ${runs}, --seed ${seed}`)
  const started = performance.now()
  try {
    const figures = await check({ runs, seed, show: last => { current = last } })
    for (const [name, figure] of Object.entries(figures)) console.log(`  ${name}: ${figure}`)
    console.log(`  ok, in ${Math.round((performance.now() - started) / 1000)} s`)
  } catch (error) {
    console.log(`  NOT OK: ${error.message}`, error.cause ?? '', current)
    process.exitCode = 1
  }
}
