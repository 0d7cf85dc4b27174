// What large answers hold in memory while their batch is on its way.
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { FastifyInstance } from 'fastify'
import { concurrent } from '../../lib/index.ts'
import { build, injectBatch, listen, testEach } from '../helper.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const items = 20
const bytes = 2 ** 20

const bodies = {
  text: () => Buffer.alloc(bytes, 'x'),
  binary: () => Buffer.alloc(bytes, 0xff)
}

for (const [kind, body] of Object.entries(bodies)) {
  testEach(`20 answers of 1 MiB hold no more than three times their bytes: ${kind}`, async (t, dispatch) => {
    const held: number[] = []
    const sample = () => { held.push(measure() - before) }
    const app = build(t, {
      executor: concurrent({ dispatch }),
      maxResponseBytes: 2 * bytes,
      maxBatchResponseBytes: 2 * items * bytes,
      route: { onSend: async () => { sample() } }
    })
    app.get('/large', async () => {
      // What all siblings have answered so far.
      sample()
      return body()
    })
    await listen(app)
    await injectBatch(app, [{ method: 'get', url: '/nowhere' }])
    held.length = 0
    const before = measure()

    // A client that takes its time.
    const client = await send(app, Array(items).fill({ method: 'get', url: '/large' }))
    await once(client, 'readable')
    for (let turn = 0; turn < 5; turn++) {
      await new Promise(setImmediate)
      sample()
    }
    let received = 0
    client.on('data', chunk => { received += chunk.length })
    await once(client, 'end')
    t.ok(received > items * bytes)
    t.ok(Math.max(...held) > items * bytes / 2, 'the answers were there to be measured')
    t.ok(Math.max(...held) <= 3 * items * bytes, `${Math.round(Math.max(...held) / bytes)} MiB`)
  })
}

function measure (): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function send (app: FastifyInstance, batch: unknown[]) {
  const client = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(client, 'connect')
  const body = JSON.stringify({ batch })
  client.write('POST /batch HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\ncontent-type: application/json\r\n' +
    `content-length: ${body.length}\r\n\r\n${body}`)
  return client
}
