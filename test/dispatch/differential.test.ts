// Handlers of all kinds on a real server and by the direct dispatcher: what they see, and what their clients get.
import { createServer, request as send, Agent, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { finished } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { sequential, type Subresponse } from '../../lib/index.ts'
import { scripts, type Stage } from '../fixtures/handler-scripts.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => void

interface Case {
  readonly name: string
  readonly method: string
  /** Who listens: somebody to all events, somebody to the last of them, or nobody. */
  readonly listeners: 'all' | 'few' | 'none'
}

interface Difference {
  readonly scripts: RegExp
  readonly methods: RegExp
  readonly why: string
  /** The first version of Node.js that differs. */
  readonly since?: number
}

const differences: readonly Difference[] = [
  {
    scripts: /^(write after close|pipeline|destroy the request after end)$/,
    methods: /^POST, watched$/,
    why: 'over a socket, the end of a body comes some ticks after the body'
  },
  {
    scripts: /^(request when it is over|head and body, heard in the next tick)$/,
    methods: /^POST/,
    why: 'over a socket, the end of a body comes some ticks after the body'
  },
  {
    scripts: /^cork, end$/,
    methods: /^(GET|POST)/,
    why: 'over a socket, Node.js sends the end before the corked chunks, which is no answer',
    since: 22
  }
]

// What speaks of the connection or comes with the answer of the batch.
const left = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer', 'date'])

const titles = { few: '', all: ', watched', none: ', alone' }

// Without a listener, an error would be the end of the process.
const emitsErrors = /^breaks(?!: a socket)|after (end|finish|close)|when it is over|text\) twice|fails$|too little$|in the same tick$/

const cases: Case[] = Object.keys(scripts).flatMap(name => ['GET', 'POST', 'HEAD'].flatMap(method => (
  (['few', 'all', 'none'] as const).map(listeners => ({ name, method, listeners }))
))).filter(({ name, listeners }) => listeners !== 'none' || !emitsErrors.test(name))

t.ok(Object.keys(scripts).length >= 90)

for (const [name, script] of Object.entries(scripts)) {
  t.test(name, async t => {
    for (const each of cases.filter(each => each.name === name)) {
      const [real, direct] = await Promise.all([overSocket(each, script), byDispatcher(each, script)])
      const title = each.method + titles[each.listeners]
      const known = differences.find(({ scripts, methods, since = 0 }) => (
        scripts.test(name) && methods.test(title) && parseInt(process.versions.node) >= since
      ))
      // Both ways: a difference that is no more is not to be listed.
      if (known === undefined) t.strictSame(direct, real, title)
      else t.notSame(direct, real, `${title}: ${known.why}`)
    }
  })
}

async function overSocket (each: Case, script: (stage: Stage) => unknown) {
  const server = createServer()
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const agent = new Agent({ keepAlive: true })
  try {
    const answer = { promise: undefined as Promise<unknown> | undefined }
    const record = play(each, script, handler => { server.on('request', handler) }, () => answer.promise)
    answer.promise = ask(server, each, agent)
    return { answer: await answer.promise, record: await record }
  } finally {
    agent.destroy()
    server.close()
  }
}

function ask (server: Server, { method }: Case, agent: Agent): Promise<unknown> {
  return new Promise(resolve => {
    const body = method === 'POST' ? 'the body' : undefined
    const outgoing = send({
      port: (server.address() as AddressInfo).port, host: '127.0.0.1', method, path: '/path?a=b', agent, headers: head(body)
    }, async incoming => {
      const chunks: Buffer[] = []
      try {
        for await (const chunk of incoming) chunks.push(chunk)
      } catch {
        return resolve('reset')
      }
      const headers: Record<string, unknown> = {}
      // Not `headersDistinct`: before Node.js 20.20.2 it fails with a header named `constructor`.
      for (const name of new Set(incoming.rawHeaders.filter((_, n) => n % 2 === 0).map(name => name.toLowerCase()))) {
        const values = incoming.rawHeaders.filter((_, n, all) => n % 2 === 1 && all[n - 1]!.toLowerCase() === name)
        if (!left.has(name)) headers[name] = values.length === 1 ? values[0] : values
      }
      resolve({ status: incoming.statusCode, reason: incoming.statusMessage, headers, body: Buffer.concat(chunks).toString('latin1') })
    })
    outgoing.on('error', () => { resolve('reset') })
    outgoing.end(body)
  })
}

async function byDispatcher (each: Case, script: (stage: Stage) => unknown) {
  const body = each.method === 'POST' ? 'the body' : undefined
  const { 'content-length': length, ...headers } = head(body)
  let routing!: Handler
  const answer = { promise: undefined as Promise<unknown> | undefined }
  const record = play(each, script, handler => { routing = handler }, () => answer.promise)
  answer.promise = sequential({ dispatch: 'direct' }).execute({
    method: each.method,
    url: '/path?a=b',
    headers,
    body: body === undefined ? undefined : Buffer.from(body),
    connection: {},
    origin: { host: '', protocol: 'http' },
    batch: { requestId: '1', index: 0, size: 1, deadline: 0 },
    route: '/batch'
  }, {
    app: { server: createServer(), routing } as unknown as FastifyInstance,
    maxResponseBytes: 2 ** 24,
    signal: new AbortController().signal,
    onAbort () {}
  }).then(readSubresponse)
  return { answer: await answer.promise, record: await record }
}

function readSubresponse ({ status, reason, headers, body, outcome }: Subresponse): unknown {
  if (outcome !== undefined) return 'reset'
  const kept = Object.entries(headers).filter(([name]) => !left.has(name))
  return { status, reason, headers: Object.fromEntries(kept), body: Buffer.from(body).toString('latin1') }
}

function head (body: string | undefined): Record<string, string> {
  const headers = { host: 'a.example', connection: 'keep-alive', 'x-own': 'a', accept: 'b' }
  return body === undefined ? headers : { ...headers, 'content-length': String(body.length) }
}

/** Runs a script when its request comes, and gives what was recorded when request and response are over. */
async function play (
  { listeners }: Case,
  script: (stage: Stage) => unknown,
  serve: (handler: Handler) => void,
  answer: () => Promise<unknown> | undefined
): Promise<string[]> {
  const record: string[] = []
  const say = (...words: unknown[]) => { record.push(words.map(word => JSON.stringify(word) ?? String(word)).join(' ')) }
  await new Promise<void>(resolve => {
    serve((req, res) => {
      let open = 2
      const closed = () => { if (--open === 0) resolve() }
      const { socket } = req
      if (listeners === 'all') {
        watch('req', req, ['aborted', 'error', 'end', 'close'])
        watch('res', res, ['finish', 'error', 'close', 'drain', 'pipe', 'unpipe'])
        // A client may close it later for reasons of its own.
        watch('socket', socket, ['close', 'timeout'], () => open > 0)
      }
      if (listeners === 'none') {
        setImmediate(async () => {
          await answer()
          await turns()
          say('alone', flags(req, res), req.closed, req.readable, req.readableLength, res.closed, res.writableFinished)
          finished(req, error => { say('req is finished', error?.code) })
          finished(res, error => { say('res is finished', error?.code) })
          resolve()
        })
      } else {
        res.on('error', () => {})
        req.once('close', closed)
        res.once('close', closed)
      }
      script({
        req,
        res,
        say,
        attempt (name, call) {
          try {
            const value = call()
            say(name, value === res ? 'res' : value === req ? 'req' : value)
          } catch (error) {
            say(name, 'throws', (error as NodeJS.ErrnoException).code ?? (error as Error).name)
          }
        },
        heard: name => (...args) => { say(name, 'called', args.map(arg => (arg as NodeJS.ErrnoException)?.code ?? arg)) }
      })
      say('handler is over', flags(req, res))
    })
  })
  // What comes after the last of both.
  await turns()
  return record

  function watch (name: string, emitter: NodeJS.EventEmitter, events: string[], counts = () => true) {
    for (const event of events) {
      emitter.on(event, error => { if (counts()) say(`${name} ${event}`, (error as NodeJS.ErrnoException)?.code) })
    }
  }
}

async function turns () {
  for (let i = 0; i < 4; i++) await new Promise(setImmediate)
}

function flags (req: IncomingMessage, res: ServerResponse) {
  return [
    res.headersSent, res.writableEnded, res.finished, res.destroyed, res.closed, res.statusCode, res.statusMessage,
    req.complete, req.aborted, req.destroyed, req.readableEnded
  ]
}
