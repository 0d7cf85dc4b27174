// Every executor with every dispatcher that it has, over the same app.
import { join } from 'node:path'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { bullmq, startWorker } from '../../../lib/bullmq.ts'
import { concurrent, processPool, sequential, type BatchOptions, type Executor } from '../../../lib/index.ts'
import { remote } from '../../../lib/remote.ts'
import { findRedis, startRedis } from '../../fixtures/redis.ts'
import { dispatches, listen, sendBatch, type Answered } from '../../helper.ts'
import { originOf, secret } from '../../executors/remote/upstream.ts'
import build from './app.ts'

/** An app that listens, and what can be known of what its subrequests do. */
export interface Target {
  readonly name: string
  readonly front: FastifyInstance
  /** What reached handlers since this was last asked. */
  ledger (): string[]
  /** The lines of the log of the app that runs the subrequests. */
  log (): string[]
  /** An app with the same executor, that does not listen yet. */
  another (t: Test, options?: BatchOptions): Promise<FastifyInstance>
}

/** A client, which is no proxy. */
export const client = '127.0.0.9'

export const from = { localAddress: client }

export const get = (url: string) => ({ method: 'get', url })

export const post = (url: string, body?: unknown, headers?: Record<string, string>) =>
  ({ method: 'post', url, body, headers })

/** Sends a batch as a client, and gives the answers. */
export async function answers ({ front }: Target, ...items: object[]): Promise<Answered['batch']> {
  return (await sendBatch(front, items, from)).batch
}

const folder = mkdtempSync(join(tmpdir(), 'attacked-'))
t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })

const lines = (file: string) => readFileSync(file, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)

type MakeExecutor = (files: { ledger: string, log: string }) => Executor | Promise<Executor>

const executors = new Map<string, MakeExecutor>()
for (const dispatch of dispatches) {
  executors.set(`sequential, ${dispatch}`, () => sequential({ dispatch }))
  executors.set(`concurrent, ${dispatch}`, () => concurrent({ dispatch }))
  executors.set(`processPool, ${dispatch}`, files => processPool({
    app: new URL('app.ts', import.meta.url), arguments: [files], workers: 1, concurrency: 10, dispatch
  }))
}
executors.set('remote', async files => {
  const upstream = await build({ ...files, batch: { secret } })
  t.teardown(() => upstream.close())
  return remote({ upstream: await originOf(upstream), secret })
})
const redis = findRedis()
if (redis === undefined) {
  t.test('bullmq', { skip: 'SKIPPED: there is no redis-server on PATH' }, async () => {})
} else {
  const connection = await startRedis(t, redis)
  for (const dispatch of dispatches) {
    executors.set(`bullmq, ${dispatch}`, async files => {
      const options = { app: build, arguments: [files], connection, queue: dispatch }
      const worker = await startWorker({ ...options, concurrency: 10, dispatch })
      t.teardown(() => worker.close())
      return bullmq({ connection, queue: dispatch })
    })
  }
}

async function start (name: string, makeExecutor: MakeExecutor): Promise<Target> {
  const files = { ledger: join(folder, `${name}-ledger`), log: join(folder, `${name}-log`) }
  const executor = await makeExecutor(files)
  const open = (options: BatchOptions) => build({
    ...files,
    // What it logs itself is not of subrequests, unless they run in it.
    log: executor.inProcess === true ? files.log : join(folder, 'front-log'),
    batch: { maxResponseBytes: 2 ** 20, durationHeader: false, ...options }
  })
  const front = await open({ executor })
  t.teardown(() => front.close())
  await listen(front)
  let read = 0
  return {
    name,
    front,
    ledger () {
      const all = lines(files.ledger)
      const fresh = all.slice(read)
      read = all.length
      return fresh
    },
    log: () => lines(files.log),
    async another (t, options) {
      const app = await open({ executor: { ...executor, close () {} }, ...options })
      t.teardown(() => app.close())
      return app
    }
  }
}

async function pid ({ front }: Target) {
  const { status, batch } = await sendBatch(front, [{ method: 'get', url: '/pid' }])
  return [status, batch[0]!.status_code, batch[0]!.body]
}

const targets = new Map<Target, string>()
for (const [name, makeExecutor] of executors) {
  const target = await start(name, makeExecutor)
  targets.set(target, (await pid(target))[2] as string)
}

/** Attacks every executor. Afterwards all processes are alive, and a good batch is answered. */
export function attackEach (name: string, attack: (t: Test, target: Target) => Promise<void>): void {
  for (const [target, before] of targets) {
    t.test(`${name}: ${target.name}`, async t => {
      target.ledger()
      await attack(t, target)
      t.strictSame(await pid(target), [200, 200, before], 'the same process answers')
    })
  }
}
