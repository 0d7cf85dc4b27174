import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { kill, makeLedger, startServer } from './server-process.js'

/** Load from many connections, while again and again some upstream is killed, and is there again soon after. */
export async function upstreams ({ seconds, connections, every }) {
  const ledger = makeLedger()
  const fleet = await Promise.all([0, 0, 0, 0].map(port => startUpstream(ledger, port)))
  const server = await startServer(ledger, 'remote-server.js', [ledger.file, ...fleet.map(({ port }) => `http://127.0.0.1:${port}`)])
  const end = performance.now() + seconds * 1000
  const answered = new Map()
  const counts = { batches: 0, sent: 0, 200: 0, unknown: 0, not_started: 0, other: 0 }
  const restarts = new Set()
  let hung = 0
  let killed = 0

  async function load (connection) {
    for (let round = 0; performance.now() < end; round++) {
      const items = Array.from({ length: 8 }, (_, index) => index % 2 === 0
        ? { method: 'post', url: '/orders', body: { id: `${connection}.${round}.${index}` } }
        : { method: 'get', url: '/spin?ms=1' })
      counts.batches++
      counts.sent += items.length
      hung++
      const { batch } = await server.send(items)
      hung--
      for (const [index, answer] of batch.entries()) {
        const kind = answer.status_code === 200 ? 200 : answer.outcome ?? 'other'
        counts[kind]++
        if (index % 2 === 0) answered.set(items[index].body.id, kind)
      }
    }
  }

  async function killUpstreams () {
    while (performance.now() < end) {
      await setTimeout(every)
      const up = fleet.filter(upstream => upstream.process !== undefined)
      if (up.length === 0) continue
      killed++
      restarts.add(restart(up[Math.floor(Math.random() * up.length)]))
    }
    await Promise.all(restarts)
  }

  async function restart (upstream) {
    const { process, port } = upstream
    upstream.process = undefined
    const exited = once(process, 'exit')
    kill(process.pid)
    await exited
    Object.assign(upstream, await startUpstream(ledger, port))
  }

  await Promise.race([
    Promise.all([killUpstreams(), ...Array.from({ length: connections }, (_, connection) => load(connection))]),
    setTimeout(seconds * 1000 + 60_000, undefined, { ref: false })
  ])

  const lines = ledger.lines()
  const ran = new Set(lines)
  const alive = !server.hasExited
  const code = await server.stop()
  for (const { process } of fleet) process?.kill('SIGKILL')
  ledger.remove()
  return {
    figures: { kills: killed, ...counts, 'hung batches': hung, 'POST run': lines.length },
    promises: {
      'a kill in nearly every interval': killed >= seconds * 1000 / every * 0.5,
      'no batch hung': hung === 0,
      'the server lived on': alive && code === 0,
      'every subrequest was answered once': counts.other === 0 && counts[200] + counts.unknown + counts.not_started === counts.sent,
      'no POST ran twice': ran.size === lines.length,
      'every POST that was answered 200 ran': [...answered].every(([id, kind]) => kind !== 200 || ran.has(id)),
      'no POST ran that was not started': [...answered].every(([id, kind]) => kind !== 'not_started' || !ran.has(id))
    }
  }
}

async function startUpstream (ledger, port) {
  const upstream = fork(new URL('upstream.js', import.meta.url), [ledger.file, String(port)])
  const [message] = await once(upstream, 'message')
  return { process: upstream, port: message.port }
}
