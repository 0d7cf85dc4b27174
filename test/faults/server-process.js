// The server of a scenario, its workers and its ledger.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes a folder with a ledger, for one scenario. */
export function makeLedger () {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  const file = join(folder, 'ledger')
  writeFileSync(file, '')
  return {
    file,
    lines: () => readFileSync(file, 'utf8').split('\n').slice(0, -1),
    remove: () => { rmSync(folder, { recursive: true }) }
  }
}

/** The processes that a process has started and that are there. */
export function childrenOf (pid) {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return pids === '' ? [] : pids.split(' ').map(Number)
}

/** Whether a process is there. */
export function isAlive (pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Kills a process, if it is still there. */
export function kill (pid) {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

/** Starts the server with an executor of that name, for which the values are. */
export async function startServer (executor, ...values) {
  const server = fork(new URL('server.js', import.meta.url), [executor, ...values])
  const [{ port }] = await once(server, 'message')
  const exited = once(server, 'exit')
  const agent = new http.Agent({ keepAlive: true })
  return {
    pid: server.pid,
    port,
    send: items => sendBatch(port, agent, items),
    /** Tells the server to end, and leaves its connections open. Gives whether it ended well. */
    async terminate () {
      server.kill('SIGTERM')
      const [code] = await exited
      agent.destroy()
      return code === 0
    },
    /** Tells the server to end. Gives whether it was still there and ended well. */
    async stop () {
      const isThere = server.exitCode === null && server.signalCode === null
      agent.destroy()
      server.kill('SIGTERM')
      const [code] = await exited
      return isThere && code === 0
    }
  }
}

function sendBatch (port, agent, items) {
  return new Promise((resolve, reject) => {
    const request = http.request({
      port, host: '127.0.0.1', agent, method: 'POST', path: '/batch', headers: { 'content-type': 'application/json' }
    }, async response => {
      try {
        const chunks = await response.toArray()
        resolve({ status: response.statusCode, ...JSON.parse(Buffer.concat(chunks)) })
      } catch (error) {
        reject(error)
      }
    })
    request.on('error', reject)
    request.end(JSON.stringify({ batch: items }))
  })
}
