import http, { type IncomingHttpHeaders } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import tap, { type Test } from 'tap'
import batch, { type BatchItem, type BatchItemResponse, type BatchOptions } from '../lib/index.ts'

/** What of tap's test object the helpers use. */
export interface Teardown { teardown (handler: () => unknown): unknown }

/** Makes an app with a batch route, and closes it when the test ends. */
export function build (t: Teardown, options: BatchOptions = {}, server: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(server)
  app.register(batch, options)
  t.teardown(() => app.close())
  return app
}

/** How an executor in this process can hand a subrequest to the app. */
export const dispatches = ['inject', 'direct'] as const

export type Dispatch = typeof dispatches[number]

/** Holds both dispatchers to the same test. */
export function testEach (name: string, test: (t: Test, dispatch: Dispatch) => Promise<void>): void {
  for (const dispatch of dispatches) tap.test(`${name}: ${dispatch}`, t => test(t, dispatch))
}

/** Lets an app listen on a free port. */
export async function listen (app: FastifyInstance): Promise<FastifyInstance> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}

export interface Response {
  readonly status: number
  readonly reason: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export interface RequestOptions {
  readonly method?: string
  readonly path?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  readonly agent?: http.Agent
  readonly socketPath?: string
  readonly localAddress?: string
}

/** Sends one request over a real socket. */
export function request (app: FastifyInstance, { body, ...options }: RequestOptions = {}): Promise<Response> {
  const secure = 'setSecureContext' in app.server
  const port = options.socketPath === undefined ? (app.server.address() as AddressInfo).port : undefined
  return new Promise((resolve, reject) => {
    const send = secure ? https.request : http.request
    const outgoing = send({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', chunk => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const { statusCode, statusMessage, headers, rawHeaders } = incoming
        resolve({ status: statusCode!, reason: statusMessage!, headers, rawHeaders, body: Buffer.concat(chunks) })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

export interface Answered extends Response {
  /** The answers to the items. */
  readonly batch: Array<BatchItemResponse & { body: any }>
  /** The whole JSON body. */
  readonly json: any
}

/** Sends a batch over a real socket, to an app that listens. */
export async function sendBatch (
  app: FastifyInstance, items: unknown, { headers, path = '/batch', ...options }: RequestOptions = {}
): Promise<Answered> {
  const response = await request(app, {
    ...options,
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ batch: items })
  })
  const json = JSON.parse(response.body.toString())
  return { ...response, json, batch: json.batch }
}

/** Sends a batch through inject, to any app. */
export async function injectBatch (
  app: FastifyInstance, items: readonly BatchItem[], { headers, path = '/batch' }: RequestOptions = {}
): Promise<{ status: number, headers: http.OutgoingHttpHeaders, batch: Answered['batch'], json: any }> {
  const response = await app.inject({ method: 'POST', url: path, headers, payload: { batch: items } })
  const json = response.json()
  return { status: response.statusCode, headers: response.headers, json, batch: json.batch }
}

/** Parses JSON, with the type of a `deadline` in the place of its value. */
export function parseContext (text: string): any {
  return JSON.parse(text, (key, value) => key === 'deadline' ? typeof value : value)
}

/** A promise with its handles: a latch to hold handlers with. */
export function latch<Value = void> (): { promise: Promise<Value>, open: (value: Value) => void } {
  let open!: (value: Value) => void
  const promise = new Promise<Value>(resolve => { open = resolve })
  return { promise, open }
}
