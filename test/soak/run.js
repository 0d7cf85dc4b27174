// `npm run soak`: mixed batches for ten minutes, or `-- --seconds N`. Nothing is lost, nothing grows.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { load } from './load.js'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '600' } } })
const seconds = Number(values.seconds)
const connections = 16
const counts = { sent: 0, answered: 0, refused: 0, aborted: 0, wrong: 0, overloaded: 0, items: 0 }

const server = fork(new URL('server.js', import.meta.url), { execArgv: ['--expose-gc'] })
const [{ port }] = await once(server, 'message')

console.log(`soak: ${seconds} s, ${connections} connections`)
// Until everything has been compiled, and every buffer and pool has its size.
await load(port, { seconds: Math.min(Math.max(seconds / 5, 10), 60), connections }, { ...counts })
const before = await quiet()
server.send('reset')
const beganAt = performance.now()
await load(port, { seconds, connections }, counts)
const took = (performance.now() - beganAt) / 1000
const after = await quiet()
server.send('close')
const [code] = await once(server, 'exit')

const grown = (after.heap - before.heap) / 2 ** 20
const figures = {
  ...counts,
  'subrequests started': after.started - before.started,
  'subrequests per second': Math.round((after.started - before.started) / took),
  'heap before and after, MiB': [before, after].map(({ heap }) => (heap / 2 ** 20).toFixed(1)).join(', '),
  'handles before and after': [before, after].map(({ handles }) => handles).join(', '),
  'event loop delay p99, ms (50 on a quiet machine)': after.delay.toFixed(1),
  'load average of the machine': loadavg().map(load => load.toFixed(1)).join(', ')
}
const promises = {
  'every batch that was sent was answered, refused or aborted': counts.sent === counts.answered + counts.refused + counts.aborted,
  'every subrequest that was started has ended': after.started === after.settled,
  'every batch that was accepted has ended': after.batches === after.batchesEnded,
  'the heap has grown by less than 5 MiB': grown < 5,
  'handles are as many as before': after.handles === before.handles && after.resources === before.resources,
  'listeners are as many as before': after.listeners === before.listeners,
  'the server lived on, and ended well': code === 0
}
for (const [name, figure] of Object.entries(figures)) console.log(`  ${name}: ${figure}`)
for (const [promise, kept] of Object.entries(promises)) console.log(`  ${kept ? 'ok' : 'NOT OK'} ${promise}`)
process.exitCode = Object.values(promises).every(Boolean) ? 0 : 1

/** What the server says once nothing is in flight any more: at the latest after 10 s, whatever is then. */
async function quiet () {
  let figures
  for (let n = 0; n < 100; n++) {
    await setTimeout(100)
    server.send('measure')
    ;[figures] = await once(server, 'message')
    const { started, settled, connections } = figures
    if (started === settled && connections === 0) break
  }
  return figures
}
