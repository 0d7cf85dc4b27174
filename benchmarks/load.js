// Loads one route of benchmarks/server.js for a while and measures it from both ends.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { execFileSync } from 'node:child_process'
import autocannon from 'autocannon'

/** Starts the server on core 0, and moves this process, which makes the load, to core 1. */
export async function startServer () {
  pin(process.pid, 1)
  const server = fork(new URL('./server.js', import.meta.url), { execArgv: [] })
  pin(server.pid, 0)
  const [{ port }] = await once(server, 'message')
  return {
    origin: `http://127.0.0.1:${port}`,
    async cpu () {
      server.send('cpu')
      const [{ cpu }] = await once(server, 'message')
      return cpu.user + cpu.system
    },
    stop: () => server.kill()
  }
}

function pin (pid, core) {
  try {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    console.warn('no taskset: server and load share their cores, so the figures mean little')
  }
}

/** @returns subrequests per second, milliseconds at p50 and p99, and server CPU in microseconds per subrequest */
export async function load (server, { path, method = 'POST', items, body, seconds }) {
  const before = await server.cpu()
  const result = await autocannon({
    url: server.origin + path,
    method,
    body: body && JSON.stringify(body),
    headers: body && { 'content-type': 'application/json' },
    connections: 10,
    duration: seconds
  })
  const cpu = await server.cpu() - before
  if (result.non2xx + result.errors > 0) throw new Error(`${path}: ${result.non2xx} refused, ${result.errors} failed`)
  const subrequests = result.requests.total * items
  return {
    perSecond: subrequests / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    cpu: cpu / subrequests
  }
}

export function median (values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
