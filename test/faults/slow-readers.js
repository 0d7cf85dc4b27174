import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { makeLedger, startServer } from './server-process.js'

const items = 20
const bytes = Math.ceil(8 * 2 ** 20 / items)

/** Clients that ask for 8 MiB in lines, and read nothing for a while: many more than there are places for. */
export async function slowReaders ({ readers, admitted, seconds, limit }) {
  const ledger = makeLedger()
  const server = await startServer('sequential', ledger.file, String(admitted * items))
  await (await open(server.port, 1)).finish()
  const idle = memoryOf(server.pid)
  let most = idle
  const watch = setInterval(() => { most = Math.max(most, memoryOf(server.pid)) }, 20)
  const opened = await Promise.all(Array.from({ length: readers }, () => open(server.port, items)))
  await setTimeout(seconds * 1000)
  const counts = { whole: 0, refused: 0, wrong: 0 }
  const became = await Promise.all(opened.map(reader => reader.finish()))
  for (const kind of became) counts[kind]++
  const freed = await (await open(server.port, items)).finish()
  clearInterval(watch)
  const livedOn = await server.stop()
  ledger.remove()
  const grown = Math.round((most - idle) / 2 ** 20)
  return {
    figures: { readers, ...counts, 'MiB more than idle, at most': grown },
    promises: {
      'as many as there are places for were answered whole': counts.whole === admitted,
      'all others were refused with 503 and retry-after': counts.refused === readers - admitted,
      'and their places were free again': freed === 'whole',
      [`memory grew by less than ${limit} MiB`]: grown < limit,
      'the server lived on': livedOn
    }
  }
}

/** Sends a batch, and reads no more of its answer than the head until `finish` is called. */
async function open (port, items) {
  const request = http.request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/batch',
    agent: false,
    headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' }
  })
  request.end(JSON.stringify({ batch: Array(items).fill({ method: 'get', url: `/large?bytes=${bytes}` }) }))
  const [response] = await once(request, 'response')
  return {
    async finish () {
      const text = Buffer.concat(await response.toArray()).toString()
      if (response.statusCode === 503) return response.headers['retry-after'] === undefined ? 'wrong' : 'refused'
      const lines = text.trim().split('\n').map(line => JSON.parse(line))
      const summary = lines.pop().summary
      return summary.ok === items && lines.length === items && lines.every(({ body }) => body.length === bytes) ? 'whole' : 'wrong'
    }
  }
}

/** The resident memory of a process, in bytes. */
function memoryOf (pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return kilobytes * 1024
}
