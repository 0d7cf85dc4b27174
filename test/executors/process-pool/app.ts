// The app of the workers in these tests.
import { appendFileSync } from 'node:fs'
import Fastify, { type FastifyInstance } from 'fastify'
import batch, { processPool } from '../../../lib/index.ts'

export interface AppOptions {
  /** Is told, a line each: `boot`, `close`, and what routes do. */
  ledger?: string
  /** What goes wrong at boot. */
  boot?: 'no close' | 'throw' | 'throw a value' | 'hang' | 'exit' | 'not ready' | 'nothing' | 'once'
  /** Of this app's own batch route. */
  executor?: 'processPool'
  logger?: boolean
}

export default async function build (options: AppOptions = {}): Promise<FastifyInstance> {
  const { ledger, boot, executor, logger = false } = options
  const note = (line: string) => { if (ledger !== undefined) appendFileSync(ledger, `${line}\n`) }
  note('boot')
  if (boot === 'throw') throw Object.assign(new Error('no app today'), { notClonable () {} })
  // eslint-disable-next-line no-throw-literal
  if (boot === 'throw a value') throw 'a value'
  if (boot === 'exit') process.exit(7)
  if (boot === 'hang') await new Promise(() => { setInterval(() => {}, 1000) })
  if (boot === 'nothing') return undefined as never

  const app = Fastify({ logger })
  if (executor !== undefined) app.register(batch, { executor: processPool({ app: import.meta.url }) })
  if (boot === 'not ready') app.addHook('onReady', async () => { throw new Error('not ready today') })
  app.addHook('onClose', async () => {
    note('close')
    if (boot === 'no close') throw new Error('not closed today')
  })

  await app.register(async child => {
    child.get('/closed', { config: { batch: false } }, async () => 'closed')
  })

  const leaked: Buffer[] = []
  const waiting: string[] = []
  app.get('/pid', async () => process.pid)
  app.get('/environment', async () => ({ env: process.env, execArgv: process.execArgv }))
  app.get<{ Querystring: { ms: number } }>('/spin', async ({ query: { ms } }) => {
    const end = performance.now() + Number(ms)
    while (performance.now() < end);
    return process.pid
  })
  app.get('/later', async () => {
    await new Promise(resolve => { setTimeout(resolve, 300) })
    return 'late'
  })
  app.all('/forever', () => { while (true); })
  app.get<{ Querystring: { name: string } }>('/wait', ({ signal, query: { name } }) => {
    waiting.push(`${name} waits`)
    signal.addEventListener('abort', () => { waiting.push(`${name} aborted`) })
  })
  app.get('/waiting', async () => ({ pid: process.pid, waiting }))
  app.post<{ Body: string }>('/note', async ({ body }) => {
    note(body)
    return 'noted'
  })
  app.post<{ Body: { ms: number } }>('/spin-and-note', async ({ body: { ms } }) => {
    const end = performance.now() + ms
    while (performance.now() < end);
    note('spun')
    return 'spun'
  })
  app.post('/note-and-die', async () => {
    note('ran')
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  })
  app.get('/exit', () => { process.exit(0) })
  app.get('/disconnect', () => { process.disconnect() })
  app.get('/disconnect-and-spin', () => {
    process.disconnect()
    setImmediate(() => {
      note('disconnected')
      const end = performance.now() + 3000
      while (performance.now() < end);
    })
  })
  app.get('/throw-late', () => { setImmediate(() => { throw new Error('late') }) })
  app.get('/out-of-memory', () => {
    const all = []
    while (true) all.push(new Array(5e6).fill({}))
  })
  app.get('/leak', async () => {
    leaked.push(Buffer.alloc(64 * 2 ** 20, 1))
    return process.pid
  })
  app.get('/log', async ({ log }) => {
    log.info('from the handler')
    console.log('from the console')
    return 'logged'
  })
  return app
}

/** Another export of this module. */
export function named (text: string): FastifyInstance {
  const app = Fastify()
  app.get('/named', async () => text)
  return app
}
