import { fork } from 'node:child_process'
import { once } from 'node:events'
import { judge, load } from './load.js'
import { makeLedger, startServer } from './server-process.js'

/** Load on other servers, while again and again one of them is killed, and is there again soon after. */
export async function upstreams (settings) {
  const ledger = makeLedger()
  const fleet = await Promise.all([0, 0, 0, 0].map(port => startUpstream(ledger, port)))
  const server = await startServer('remote', ...fleet.map(({ port }) => `http://127.0.0.1:${port}`))
  const restarts = []
  const loaded = await load(server, settings, () => {
    const up = fleet.filter(upstream => upstream.process !== undefined)
    if (up.length === 0) return false
    restarts.push(restart(up[Math.floor(Math.random() * up.length)]))
    return true
  })

  async function restart (upstream) {
    const { process, port } = upstream
    upstream.process = undefined
    const exited = once(process, 'exit')
    process.kill('SIGKILL')
    await exited
    Object.assign(upstream, await startUpstream(ledger, port))
  }

  await Promise.all(restarts)
  const livedOn = await server.stop()
  for (const { process } of fleet) process.kill('SIGKILL')
  const { figures, promises } = judge(loaded, ledger)
  ledger.remove()
  return { figures, promises: { ...promises, 'the server lived on': livedOn } }
}

async function startUpstream (ledger, port) {
  const upstream = fork(new URL('upstream.js', import.meta.url), [ledger.file, String(port)])
  const [message] = await once(upstream, 'message')
  return { process: upstream, port: message.port }
}
