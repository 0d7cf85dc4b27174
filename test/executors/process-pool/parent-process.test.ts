// What becomes of the workers when their parent ends, and of what they print.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { get, isAlive, makeLedger } from './pool.ts'

interface Parent {
  readonly process: ChildProcess
  readonly pids: number[]
  readonly lines: string[]
  /** Sends a batch, and gives the answers. */
  send (...urls: string[]): Promise<Array<{ status_code: number, body: string }>>
  /** Resolves when a line was printed that this is true of. */
  line (matches: (line: string) => boolean): Promise<void>
}

async function start (t: Test, ledger: string): Promise<Parent> {
  const program = fileURLToPath(new URL('parent.ts', import.meta.url))
  const parent = spawn(process.execPath, [...process.execArgv, program, ledger], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { parent.kill('SIGKILL') })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  createInterface(parent.stdout).on('line', line => {
    lines.push(line)
    for (const look of waiting) look()
  })
  const line = (matches: (line: string) => boolean) => new Promise<void>(resolve => {
    const look = () => {
      if (!lines.some(matches)) return
      waiting.delete(look)
      resolve()
    }
    waiting.add(look)
    look()
  })
  await line(line => line.includes('address'))
  const { address } = JSON.parse(lines.find(line => line.includes('address'))!)
  const send: Parent['send'] = async (...urls) => {
    const response = await fetch(`${address}/batch`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ batch: urls.map(get) })
    })
    return (await response.json() as { batch: [] }).batch
  }
  const pids = (await send('/spin?ms=50', '/spin?ms=50')).map(answer => Number(answer.body))
  return { process: parent, pids, lines, send, line }
}

async function allEnded (pids: number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise(setImmediate)
}

t.test('when the parent is told to end, workers close their apps', async t => {
  const ledger = makeLedger(t)
  const parent = await start(t, ledger.file)
  t.equal(new Set(parent.pids).size, 2)
  parent.process.kill('SIGTERM')
  t.strictSame(await once(parent.process, 'exit'), [0, null])
  t.notOk(parent.pids.some(isAlive))
  t.strictSame(ledger.read(), ['boot', 'boot', 'close', 'close'])
})

t.test('when the parent is killed, workers close their apps as well', async t => {
  const ledger = makeLedger(t)
  const parent = await start(t, ledger.file)
  parent.process.kill('SIGKILL')
  await allEnded(parent.pids)
  t.strictSame(ledger.read(), ['boot', 'boot', 'close', 'close'])
})

t.test('when the parent is killed, a worker that never comes back ends too', async t => {
  const ledger = makeLedger(t)
  const parent = await start(t, ledger.file)
  const answer = parent.send('/forever').catch(() => {})
  // The other worker takes it: one of them is busy by now.
  await parent.send('/pid')
  parent.process.kill('SIGKILL')
  await allEnded(parent.pids)
  await answer
  t.strictSame(ledger.read(), ['boot', 'boot', 'close'])
})

t.test('what a worker prints and logs comes out of the parent, with the batch that it belongs to', async t => {
  const parent = await start(t, makeLedger(t).file)
  const [answer] = await parent.send('/log')
  t.equal(answer!.status_code, 200)
  await parent.line(line => line === 'from the console')
  await parent.line(line => line.includes('from the handler'))
  const logged = JSON.parse(parent.lines.find(line => line.includes('from the handler'))!)
  t.match(logged, { batch: { requestId: /req-/, index: 0, size: 1 } })
  t.ok(parent.pids.includes(logged.pid))
})
