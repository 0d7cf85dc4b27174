import { setTimeout } from 'node:timers/promises'
import { makeLedger, startServer } from './server-process.js'

/** Servers that are told to end (SIGTERM) in the middle of batches, on connections that clients keep open. */
export async function terminations ({ times }) {
  const counts = { 200: 0, 503: 0, other: 0 }
  let ran = 0
  let endedWell = 0
  let longest = 0
  for (let time = 0; time < times; time++) {
    const ledger = makeLedger()
    const server = await startServer(['sequential', 'concurrent'][time % 2], ledger.file)
    const batches = Array.from({ length: 8 }, (_, batch) =>
      server.send(Array.from({ length: 20 }, (_, item) => ({ method: 'post', url: '/orders', body: { id: `${batch}.${item}` } }))))
    // What has not come to the server cannot be answered by it.
    while (new Set(ledger.lines().map(line => line.split('.')[0])).size < batches.length) await setTimeout(1)
    const told = performance.now()
    const ended = server.terminate()
    for (const { batch } of await Promise.all(batches)) {
      for (const { status_code: status } of batch) counts[status in counts ? status : 'other']++
    }
    if (await ended) endedWell++
    longest = Math.max(longest, Math.round(performance.now() - told))
    ran += ledger.lines().filter(line => line !== 'closed').length
    ledger.remove()
  }
  return {
    figures: { answered: counts[200], 'not started': counts[503], 'ms until the slowest had ended': longest },
    promises: {
      'every subrequest was answered, or not started': counts.other === 0 && counts[200] + counts[503] === times * 160,
      'some of both': counts[200] > 0 && counts[503] > 0,
      'what was answered ran, and nothing else': ran === counts[200],
      'every server ended well, though its clients kept their connections': endedWell === times
    }
  }
}
