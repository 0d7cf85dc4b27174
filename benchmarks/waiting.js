// What the benchmarks that look at waiting share.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'

/** Starts benchmarks/waiting-server.js in a process of its own. */
export async function startWaitingServer (...options) {
  const server = fork(new URL('./waiting-server.js', import.meta.url), options)
  const [{ port }] = await once(server, 'message')
  return { port, stop: () => server.kill() }
}

/** The body of a batch of GETs. */
export function batchOf (urls) {
  return JSON.stringify({ batch: urls.map(url => ({ method: 'GET', url })) })
}

/**
 * Sends a batch and gives the milliseconds until its first and its last answer can be used: in lines when the line has
 * come, otherwise when all has come and is parsed.
 */
export function timeBatch ({ port, path, body, lines, agent, secure = false }) {
  const began = performance.now()
  const headers = { 'content-type': 'application/json', accept: lines ? 'application/x-ndjson' : 'application/json' }
  const options = { port, path, method: 'POST', headers, agent, host: '127.0.0.1', rejectUnauthorized: false }
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request(options, async response => {
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`))
      let text = ''
      let first
      for await (const chunk of response.setEncoding('utf8')) {
        text += chunk
        if (lines && text.includes('\n')) first ??= performance.now() - began
      }
      const answers = lines ? text.trim().split('\n').map(line => JSON.parse(line)) : JSON.parse(text).batch
      const last = performance.now() - began
      if (answers.some(answer => (answer.status_code ?? 200) !== 200)) throw new Error(`${path}: an item failed`)
      resolve({ first: first ?? last, last })
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Gives a quantile of numbers: 0.5 for the median. */
export function quantile (numbers, q) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * q), sorted.length - 1)]
}
