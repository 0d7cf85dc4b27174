import process from 'node:process'
import { Worker } from 'node:worker_threads'

/**
 * Kills this process when its parent has been gone for a while, even where a handler never gives the event loop back: a
 * thread of its own looks. What can still end by itself has had the time for it.
 */
export function watchForParent (gracePeriod: number): void {
  new Worker(watch, { eval: true, workerData: { parent: process.ppid, gracePeriod }, execArgv: [], env: {} }).unref()
}

const watch = `
  const { workerData: { parent, gracePeriod } } = require('node:worker_threads')
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    setTimeout(() => { process.kill(process.pid, 'SIGKILL') }, gracePeriod)
  }, 500)
`
