// Loads routes of benchmark servers for a while and measures them from both ends.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import autocannon from 'autocannon'

// Seconds. The load counts in whole ones.
const warmUp = 2
const turn = 1

/** Starts a server on core 0, and moves this process, which makes the load, to core 1. */
async function startServer ({ server: file = 'server.js', env }) {
  pin(process.pid, 1)
  const server = fork(new URL(file, import.meta.url), { env: { ...process.env, ...env } })
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

/** Gives how many subrequests were answered, in how many seconds and CPU microseconds of the server. */
async function load (server, { path, items, request = items === undefined ? {} : batchOf(items) }, seconds) {
  const before = await server.cpu()
  const times = []
  const run = autocannon({ url: server.origin + path, ...request, connections: 10, duration: seconds })
  run.on('response', (client, status, bytes, time) => { times.push(time) })
  const { requests, duration, non2xx, errors } = await run
  if (non2xx + errors > 0) throw new Error(`${path}: ${non2xx} refused, ${errors} failed`)

  return { subrequests: requests.total * (items ?? 1), seconds: duration, cpu: await server.cpu() - before, times }
}

/** Gives subrequests per second, milliseconds at p50 and p99, and server CPU in microseconds per subrequest. */
function sumUp (runs) {
  const sum = figure => runs.reduce((total, run) => total + run[figure], 0)
  const times = runs.flatMap(run => run.times).sort((a, b) => a - b)
  return {
    perSecond: sum('subrequests') / sum('seconds'),
    p50: times[Math.floor(times.length * 0.5)],
    p99: times[Math.floor(times.length * 0.99)],
    cpu: sum('cpu') / sum('subrequests')
  }
}

/** Gives the request that carries a batch of small GETs, or of the items that are given. */
export function batchOf (items, item = id => ({ method: 'GET', url: `/users/${id}` })) {
  return post({ batch: Array.from({ length: items }, (_, id) => item(id)) })
}

/** Gives a request with a JSON body. */
export function post (body) {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'autocannon' },
    body: JSON.stringify(body)
  }
}

/** Fails where a target does not give as many answers as it has items: nothing is faster than an error. */
async function check ({ origin }, { path, items, request = items === undefined ? {} : batchOf(items) }) {
  const answer = await (await fetch(origin + path, request)).text()
  const found = answer.split('Ada Lovelace').length - 1
  if (found !== (items ?? 1)) throw new Error(`${path}: ${found} answers for ${items} items: ${answer.slice(0, 200)}`)
}

/**
 * Measures targets in short turns, as a shared machine is half as fast now and then, for seconds or minutes. In each
 * round each target has a server process of its own, which is warmed up first: what V8 decides in the first second of a
 * process, and keeps to, is another thing in the next one. All of a round wait while one has its turn.
 * @returns one array of results for each target
 */
export async function alternate (targets, { rounds, seconds }) {
  const results = targets.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const runs = []
    for (const target of targets) {
      const server = await startServer(target)
      if (round === 0) await check(server, target)
      await load(server, target, warmUp)
      runs.push({ target, server, turns: [] })
    }
    for (let spent = 0; spent < seconds; spent += turn) {
      for (const run of runs) run.turns.push(await load(run.server, run.target, turn))
    }
    for (const [index, run] of runs.entries()) {
      results[index].push(sumUp(run.turns))
      run.server.stop()
    }
  }
  return results
}

/** Gives the median of a figure over all rounds. */
export function median (results, figure) {
  return results.map(figure).toSorted((a, b) => a - b)[Math.floor(results.length / 2)]
}
