// Mixed batches from many connections, some of which hang up, and what became of every one of them.
import http from 'node:http'
import { setTimeout } from 'node:timers/promises'

const routes = ['sequential', 'concurrent', 'direct', 'processPool']

/** What items ask for, and the statuses that they may be answered with. */
const kinds = [
  [() => ({ method: 'get', url: `/small/${any(1000)}` }), 200],
  [() => ({ method: 'post', url: '/echo', body: { text: 'x'.repeat(any(2000)) } }), 200],
  [() => ({ method: 'post', url: '/echo', body: 'x'.repeat(20_000), headers: { 'content-type': 'text/plain' } }), 200],
  [() => ({ method: 'get', url: '/large' }), 200],
  [() => ({ method: 'get', url: '/wait' }), 200],
  [() => ({ method: 'get', url: '/cookie' }), 200],
  [() => ({ method: 'get', url: '/throw' }), 500],
  [() => ({ method: 'get', url: '/nowhere' }), 404],
  [() => ({ method: 'get', url: '/destroy' }), 502]
]
/** What a client may make of a batch so that it is refused. */
const mistakes = [
  batch => ({ ...batch, nonsense: true }),
  batch => ({ batch: [...batch.batch, { method: 'get', url: '//evil.example' }] }),
  batch => ({ batch: [...batch.batch, { method: 'get', url: '/', depends_on: ['nobody'] }] }),
  () => 'no batch'
]

const any = below => Math.floor(Math.random() * below)
const chance = share => Math.random() < share

/** Sends batches for some seconds and counts, in `counts`, what became of them. */
export async function load (port, { seconds, connections }, counts) {
  const agent = new http.Agent({ keepAlive: true })
  const end = performance.now() + seconds * 1000
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() < end) {
      const { batch, statuses } = makeBatch()
      const isWrong = chance(0.05)
      const lines = chance(0.4)
      const hangUpAfter = chance(0.1) ? Math.random() * 40 : undefined
      counts.sent++
      const body = isWrong ? mistakes[any(mistakes.length)](batch) : batch
      const answer = await send({ port, agent, path: `/${routes[any(routes.length)]}` }, body, lines, hangUpAfter)
      counts[became(answer, lines, isWrong, statuses, counts)]++
    }
  }))
  agent.destroy()
}

/** A batch with a plan, and what each of its items is to be answered with. */
function makeBatch () {
  const statuses = []
  const items = Array.from({ length: 1 + any(20) }, () => {
    const [make, status] = kinds[any(kinds.length)]
    statuses.push(status)
    return make()
  })
  if (chance(0.3)) {
    items[0] = { id: 'a', method: 'get', url: '/small/7' }
    statuses[0] = 200
    for (let n = 1; n < items.length; n += 2) {
      items[n] = { method: 'post', url: '/echo', body: { id: null }, bind: { '/body/id': 'a/body/id' } }
      statuses[n] = 200
    }
  } else if (chance(0.1)) {
    items[0] = { id: 'a', method: 'get', url: '/nowhere' }
    statuses[0] = 404
    for (let n = 1; n < items.length; n++) {
      items[n].depends_on = ['a']
      statuses[n] = 424
    }
  }
  return { batch: { batch: items }, statuses }
}

function became (answer, lines, isWrong, statuses, counts) {
  if (answer === undefined) return 'aborted'
  const { status, text } = answer
  if (status === 503) {
    counts.overloaded++
    return 'refused'
  }
  if (isWrong) return status === 400 ? 'refused' : 'wrong'
  if (status !== 200) return 'wrong'
  const answers = []
  if (lines) for (const line of text.trim().split('\n').slice(0, -1).map(line => JSON.parse(line))) answers[line.index] = line
  else answers.push(...JSON.parse(text).batch)
  counts.items += answers.length
  return answers.length === statuses.length && statuses.every((status, n) => answers[n]?.status_code === status) ? 'answered' : 'wrong'
}

/** Gives the answer to a batch, or `undefined` if its client has hung up. */
function send (to, body, lines, hangUpAfter) {
  const headers = { 'content-type': 'application/json', accept: lines ? 'application/x-ndjson' : 'application/json' }
  const timer = new AbortController()
  return new Promise((resolve, reject) => {
    const request = http.request({ ...to, host: '127.0.0.1', method: 'POST', headers, timeout: 60_000 }, response => {
      response.toArray().then(chunks => {
        timer.abort()
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() })
      }, reject)
    })
    request.on('error', reject)
    request.on('timeout', () => { request.destroy(new Error('a batch was not answered for a minute')) })
    request.end(JSON.stringify(body))
    if (hangUpAfter === undefined) return
    setTimeout(hangUpAfter, undefined, { signal: timer.signal }).then(() => {
      resolve(undefined)
      request.destroy()
    }, () => {})
  })
}
