import { fork } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { dispatches, type Dispatch } from '../helper.ts'
import { streamBatch } from '../fixtures/lines.ts'

const size = 100_000

/** How many answers take at most how many MiB. Node 24 is late to collect what inject and a pool leave behind. */
function boundOf (executor: string, dispatch: Dispatch): [count: number, limit: number] {
  const leaves = executor === 'processPool' || dispatch === 'inject'
  return leaves && Number(process.versions.node.split('.', 1)) >= 24 ? [3000, 192] : [1000, 64]
}

// What is held is to be measured, not what Node 24 leaves lying about: there, new objects may fill more memory. So may
// those that reading from workers leaves behind, in every version.
function execArgvOf (executor: string): string[] {
  return [...process.execArgv, `--max-semi-space-size=${executor === 'processPool' ? 4 : 16}`]
}

for (const executor of ['sequential', 'concurrent', 'processPool']) {
  for (const dispatch of dispatches) {
    const [count, limit] = boundOf(executor, dispatch)
    t.test(`${count} answers of 100 KB take at most ${limit} MiB: ${executor}, ${dispatch}`, async t => {
      const server = fork(new URL('../fixtures/streaming-server.ts', import.meta.url), [executor, dispatch], {
        execArgv: execArgvOf(executor)
      })
      const ended = once(server, 'exit')
      t.teardown(async () => {
        server.disconnect()
        await ended
      })
      const [{ port }] = await once(server, 'message') as [{ port: number }]
      const memory = async (): Promise<{ now: number, most: number }> => {
        server.send('memory')
        const [figures] = await once(server, 'message')
        return figures
      }
      const stream = async (items: number) => {
        const batch = Array.from({ length: items }, (_, n) => ({ method: 'get', url: `/${n % 2 === 0 ? 'text' : 'bytes'}/${size}` }))
        const { incoming } = await streamBatch(t, { port }, { batch })
        let bytes = 0
        for await (const chunk of incoming) bytes += chunk.length
        return bytes
      }
      await stream(2)
      const idle = await memory()
      t.ok(await stream(count) > count * size)
      const { most } = await memory()
      const grown = Math.ceil((most - idle.now) / 2 ** 20)
      t.ok(grown < limit, `${grown} MiB over idle`)
    })
  }
}
