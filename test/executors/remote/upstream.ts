// What the tests of the remote executor have in common.
import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import batch, { type BatchOptions } from '../../../lib/index.ts'
import { remote, type RemoteOptions } from '../../../lib/remote.ts'
import { listen, type Teardown } from '../../helper.ts'

export const secret = 'a secret that both sides have, and nobody else'

const tls = (name: string) => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url))

/** The certificate of the upstreams that speak TLS. */
export const ca = tls('cert.pem')

/** The options of an upstream that speaks TLS, with a certificate that `ca` is good for. */
export const https = { key: tls('key.pem'), cert: ca }

export const get = (url: string) => ({ method: 'get', url })

/** Makes an app as an upstream is configured: it trusts the server that batches come to, and has the plugin. */
export function buildUpstream (
  t: Teardown, options: BatchOptions = {}, server: FastifyServerOptions = {}
): FastifyInstance {
  const app = Fastify({ trustProxy: '127.0.0.1', forceCloseConnections: true, ...server })
  app.register(batch, options)
  t.teardown(() => app.close())
  return app
}

/** Makes an app with a batch route whose subrequests go to an upstream, and lets both listen. */
export async function buildFront (
  t: Teardown, upstream: RemoteOptions['upstream'], given: Partial<RemoteOptions> = {}, options: BatchOptions = {},
  server: FastifyServerOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true, ...server })
  app.register(batch, { executor: remote({ upstream, ...given }), durationHeader: false, ...options })
  t.teardown(() => app.close())
  return listen(app)
}

/** Lets an upstream listen, and gives its origin. */
export async function originOf (app: FastifyInstance): Promise<string> {
  await listen(app)
  const { port } = app.server.address() as AddressInfo
  return `${'setSecureContext' in app.server ? 'https' : 'http'}://127.0.0.1:${port}`
}

/** Starts a server that speaks whatever `onConnection` writes, and gives its origin. */
export async function startRaw (t: Teardown, onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => { sockets.delete(socket) })
    onConnection(socket)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The origin of a port where nobody listens. */
export async function deadOrigin (): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}
