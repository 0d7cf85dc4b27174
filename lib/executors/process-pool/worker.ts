import { extname } from 'node:path'
import process from 'node:process'
import { Tinypool } from 'tinypool'
import { WorkerBootError, WorkerDiedError } from '../../errors.ts'
import type { ExecutionContext } from '../../executor.ts'
import type { Subrequest } from '../../subrequest.ts'
import { failedSubresponse, type Subresponse } from '../../subresponse.ts'
import { LateError, within } from '../../within.ts'
import type { AbortMessage, Boot, Result, Task } from './child.ts'

/** What a worker needs to know. */
export interface WorkerSettings extends Boot {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly execArgv: readonly string[]
  /** Milliseconds. */
  readonly bootTimeout: number
  readonly concurrency: number
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

const filename = new URL(`./child${extname(import.meta.url)}`, import.meta.url)

// Of timers, the longest that Node has.
const never = 2 ** 31 - 1

/**
 * One child process, as this process sees it.
 *
 * It is a tinypool of one. A larger one hands subrequests to processes that have not booted, and starts no other where
 * one dies while it boots; so which process gets what, and when there is a new one, is the business of `pool.ts`.
 */
export class Worker {
  /** Resolves when the app is ready. Rejects with what kept it from that, when the process has ended. */
  readonly booted: Promise<void>
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>
  readonly pid: number | undefined
  /** How many subrequests it was given and has not answered, those included that nobody waits for any more. */
  inFlight = 0
  /** Whether it has ever answered. */
  hasAnswered = false
  /** Whether somebody else killed it while it booted. */
  wasKilled = false
  /** Resident memory after the last answer, in bytes. */
  memory = 0
  #isReady = false
  #ended = false
  #closed: Promise<void> | undefined
  #taskId = 0
  #send: ((message: AbortMessage) => void) | undefined
  #onIdle: (() => void) | undefined
  readonly #settings: WorkerSettings
  readonly #tinypool: Tinypool

  constructor (settings: WorkerSettings) {
    this.#settings = settings
    this.#tinypool = new Tinypool({
      runtime: 'child_process',
      serialization: 'advanced',
      filename,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: never,
      // One more, for it to be told to close.
      concurrentTasksPerWorker: settings.concurrency + 1,
      env: settings.env as Record<string, string>,
      execArgv: [...settings.execArgv]
    })
    // Also emitted when an idle process ends. Without a listener, it would be the end of this one.
    const failed = new Promise<never>((_resolve, reject) => { this.#tinypool.on('error', reject) })
    // Where the system has no room for a process, one kind of error is thrown and the other emitted.
    const booting = new Promise(resolve => { resolve(this.#startBoot()) })
    const [thread] = this.#tinypool.threads
    this.pid = thread?.threadId
    this.exited = new Promise(resolve => {
      const end = (code: number | null, signal: string | null) => {
        this.#ended = true
        resolve({ code, signal })
      }
      thread?.once('exit', end)
      if (thread === undefined) end(null, null)
      // tinypool waits for the end of what never began.
      else if (this.pid === undefined) this.#tinypool.once('error', () => { thread.emit('exit', null, null) })
    })
    this.booted = this.#boot(Promise.race([booting, failed]))
  }

  /** Whether one more subrequest can be given to it. */
  get isFree (): boolean {
    return this.#isReady && !this.isClosed && !this.#isGone && this.inFlight < this.#settings.concurrency
  }

  /** Whether tinypool has given it up. That is known before it is known how it ended. */
  get #isGone (): boolean {
    return this.#tinypool.threads.length === 0
  }

  /** Whether it was told to end. */
  get isClosed (): boolean {
    return this.#closed !== undefined
  }

  /** Answers one subrequest. Whatever becomes of the process meanwhile, there is an answer. */
  async execute (subrequest: Subrequest, context: ExecutionContext): Promise<Subresponse> {
    const id = ++this.#taskId
    const task: Task = { id, subrequest, maxResponseBytes: context.maxResponseBytes }
    let timer: NodeJS.Timeout | undefined
    let answer: Subresponse | undefined
    this.inFlight++
    context.onAbort(() => {
      this.#send!({ abort: id })
      timer = this.#killSoon()
    })
    try {
      const { subresponse, memory } = await this.#tinypool.run(task, { name: 'execute' }) as Result
      this.hasAnswered = true
      this.memory = memory
      answer = subresponse
    } catch (cause) {
      answer = failedSubresponse(new WorkerDiedError({ cause }), 'unknown')
    }
    clearTimeout(timer)
    this.inFlight--
    if (this.inFlight === 0) this.#onIdle?.()
    // There is none to what was aborted, and nobody waits for it.
    return answer!
  }

  /** Takes no more subrequests, finishes those that it has, closes the app and ends the process. */
  close (): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  kill (): void {
    if (!this.#ended) process.kill(this.pid!, 'SIGKILL')
  }

  #startBoot (): Promise<unknown> {
    const { app, exportName, arguments: values, dispatch, gracePeriod } = this.#settings
    const boot: Boot = { app, exportName, arguments: values, dispatch, gracePeriod }
    return this.#tinypool.run(boot, { name: 'boot', channel: { onMessage: send => { this.#send = send } } })
  }

  async #boot (booting: Promise<unknown>): Promise<void> {
    try {
      await within(this.#settings.bootTimeout, booting)
      this.#isReady = true
    } catch (cause) {
      const isGone = this.#isGone
      if (cause instanceof LateError) this.kill()
      await this.#close()
      const { code, signal } = await this.exited
      this.wasKilled = isGone && signal !== null
      const end = isGone ? signal ?? code : null
      throw new WorkerBootError(end === null ? (cause as Error).message : `it ended with ${end}`, { cause })
    }
  }

  async #close (): Promise<void> {
    const timer = this.#killSoon()
    if (this.inFlight > 0) await new Promise<void>(resolve => { this.#onIdle = resolve })
    // There is no answer to it but the end.
    if (!this.#isGone) this.#tinypool.run(undefined, { name: 'close' }).catch(() => {})
    await this.exited
    clearTimeout(timer)
  }

  #killSoon (): NodeJS.Timeout {
    return setTimeout(() => { this.kill() }, this.#settings.gracePeriod)
  }
}
