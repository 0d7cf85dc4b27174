// When the first and the last answer of a batch can be used, with one slow item among fast ones: in JSON and in lines.
import { writeChart } from './chart.js'
import { batchOf, quantile, startWaitingServer, timeBatch } from './waiting.js'

const fast = 19
const slow = '/wait/500'

export async function streaming ({ rounds }) {
  const server = await startWaitingServer()
  const places = { first: [slow, ...Array(fast).fill('/wait/0')], last: [...Array(fast).fill('/wait/0'), slow] }
  const ways = []
  for (const executor of ['sequential', 'concurrent']) {
    for (const [place, urls] of Object.entries(places)) {
      for (const lines of [false, true]) ways.push({ executor, place, lines, body: batchOf(urls), times: [] })
    }
  }
  for (let round = -1; round < rounds; round++) {
    for (const { executor, lines, body, times } of ways) {
      const time = await timeBatch({ port: server.port, path: `/${executor}`, body, lines })
      if (round >= 0) times.push(time)
    }
  }
  server.stop()
  const results = ways.map(({ times, ...way }) => ({
    ...way,
    first: quantile(times.map(time => time.first), 0.5),
    last: quantile(times.map(time => time.last), 0.5)
  }))
  const shown = results.filter(({ executor, place }) => executor === 'concurrent' || place === 'last')
  writeChart('streaming', '19 fast items and one of 500 ms', shown.map(({ executor, place, lines, first, last }) => ({
    label: `${executor}, the slow one ${place}, ${lines ? 'NDJSON' : 'JSON'}`, first, last
  })))
  return results.map(({ executor, place, lines, first, last }) => ({
    executor,
    'the slow item': place,
    answer: lines ? 'NDJSON' : 'JSON',
    'first answer ms': first.toFixed(1),
    'last answer ms': last.toFixed(1)
  }))
}
