// What the tests of the process pool have in common.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { channels, processPool, type BatchOptions, type ProcessPoolOptions, type SubrequestMessage } from '../../../lib/index.ts'
import { injectBatch, type Answered, type Teardown } from '../../helper.ts'

export const app = new URL('app.ts', import.meta.url)

export const get = (url: string) => ({ method: 'get', url })

/** Makes an app with a batch route whose subrequests run in workers. */
export function buildPool (
  t: Teardown, pool: Partial<ProcessPoolOptions> = {}, options: BatchOptions = {}
): FastifyInstance {
  const parent = Fastify({ pluginTimeout: 100_000 })
  parent.register(batch, { executor: processPool({ app, workers: 1, ...pool }), durationHeader: false, ...options })
  t.teardown(() => parent.close())
  return parent
}

/** Sends a batch, and gives status, outcome and body of each item. */
export async function answers (parent: FastifyInstance, ...urls: string[]): Promise<Answered['batch']> {
  return (await injectBatch(parent, urls.map(get))).batch
}

/** Asks until there is a worker again: it takes its time, on a machine that has other things to do. */
export async function nextPid (parent: FastifyInstance): Promise<string> {
  const [answer] = await answers(parent, '/pid')
  return answer!.outcome === 'not_started' ? nextPid(parent) : answer!.body
}

/** Resolves when a subrequest of this url starts. */
export function started (url: string): Promise<void> {
  return new Promise(resolve => {
    const handlers = {
      start (message: object) {
        if ((message as SubrequestMessage).url !== url) return
        channels.subrequest.unsubscribe(handlers as never)
        resolve()
      }
    }
    channels.subrequest.subscribe(handlers as never)
  })
}

/** A file that workers write a line to for each thing that happens. */
export function makeLedger (t: Teardown): { file: string, read: () => string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'batch-'))
  const file = join(folder, 'ledger')
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  return {
    file,
    read () {
      try {
        return readFileSync(file, 'utf8').split('\n').slice(0, -1)
      } catch {
        return []
      }
    }
  }
}

/** Whether a process is there, and more than a name that its parent has not read. */
export function isAlive (pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
