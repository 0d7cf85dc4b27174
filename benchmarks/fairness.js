// What small batches wait for while batches of 1000 go through the same executor, against running alone.
import { once } from 'node:events'
import http from 'node:http'
import { batchOf, quantile, startWaitingServer, timeBatch } from './waiting.js'

const small = { items: 5, batches: 100 }
const large = { items: 1000 }

export async function fairness ({ rounds }) {
  const server = await startWaitingServer()
  const rows = []
  for (const path of ['/sequential', '/concurrent-of-8']) {
    for (const wait of [0, 2]) {
      for (const atOnce of [1, 10]) {
        const measure = { port: server.port, path, wait, atOnce }
        await smallBatches(measure)
        const alone = []
        const beside = []
        for (let round = 0; round < rounds; round++) {
          alone.push(quantile(await smallBatches(measure), 0.99))
          const stop = keepLarge(measure)
          beside.push(quantile(await smallBatches(measure), 0.99))
          await stop()
        }
        const ratios = alone.map((time, round) => beside[round] / time)
        rows.push({
          executor: path.slice(1),
          'ms of an item': wait,
          'small batches at once': atOnce,
          'p99 alone ms': quantile(alone, 0.5).toFixed(1),
          'p99 beside 1000 items ms': quantile(beside, 0.5).toFixed(1),
          ratio: quantile(ratios, 0.5).toFixed(2)
        })
      }
    }
  }
  server.stop()
  return rows
}

async function smallBatches ({ port, path, wait, atOnce }) {
  const agent = new http.Agent({ keepAlive: true })
  const body = batchOf(Array(small.items).fill(`/wait/${wait}`))
  const times = []
  let left = small.batches
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) times.push((await timeBatch({ port, path, body, lines: false, agent })).last)
  }))
  agent.destroy()
  return times
}

/**
 * Sends one large batch after another, until the function that it gives is called. The answers are not looked at: that
 * would keep this process from looking at those of the small ones.
 */
function keepLarge ({ port, path, wait }) {
  const body = batchOf(Array(large.items).fill(`/wait/${wait}`))
  const options = { port, path, method: 'POST', headers: { 'content-type': 'application/json' }, host: '127.0.0.1' }
  const controller = new AbortController()
  const send = async () => {
    while (!controller.signal.aborted) {
      const [response] = await once(http.request(options).end(body), 'response')
      await once(response.resume(), 'end')
    }
  }
  const sending = send()
  return async () => {
    controller.abort()
    await sending
  }
}
