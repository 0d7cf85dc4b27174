import type { FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { inheritedHeaders, type HeaderPolicy, type Headers } from './subrequest/headers.ts'

/** The two ends of the connection that a batch came over. Plain data: what is unknown is absent. */
export interface Connection {
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly remoteFamily?: string
  readonly localAddress?: string
  readonly localPort?: number
  /** Present and true over TLS. */
  readonly encrypted?: true
  /** Over TLS: whether the certificate of the client was accepted. */
  readonly authorized?: boolean
  readonly authorizationError?: string
  readonly peerCertificate?: PeerCertificate
}

/**
 * What the app takes the batch request to have been sent to. Fastify says so: it knows which proxies the app trusts.
 */
export interface Origin {
  /** `request.host`: name and port, empty if there is none. */
  readonly host: string
  /** `request.protocol`, unless the option `https` overrules it. */
  readonly protocol: string
}

/** What every subrequest takes from the batch request it came in. */
export interface Parent {
  /** The id of the batch request. */
  readonly requestId: string
  /** The batch route that it came to: its url pattern, with its constraints if it has any. */
  readonly route: string
  /** How many items the batch has. */
  readonly size: number
  readonly headers: Headers
  readonly connection: Connection
  readonly origin: Origin
}

/**
 * Copies what there is to know of a connection.
 * To be called as early as possible: a socket forgets its peer when the peer goes.
 */
export function readConnection (socket: Socket): Connection {
  const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket
  const connection = { remoteAddress, remotePort, remoteFamily, localAddress, localPort }
  if (!isEncrypted(socket)) return connection

  const { authorized, authorizationError } = socket
  return {
    ...connection,
    encrypted: true,
    authorized,
    authorizationError: authorizationError as string | Error | undefined as string,
    peerCertificate: socket.getPeerCertificate()
  }
}

/** What of the options of a batch route shows in its subrequests. */
export interface ParentSettings {
  /** Names the batch route. */
  readonly route: string
  /** Overrules what the connection says. */
  readonly https: boolean | undefined
  readonly headerPolicy: HeaderPolicy
}

/** Reads what the subrequests of a batch take from its request. */
export function readParent (
  request: FastifyRequest, connection: Connection, size: number, { route, https, headerPolicy }: ParentSettings
): Parent {
  const headers = inheritedHeaders(request.raw.headers, headerPolicy)
  const { host, protocol } = request
  const parent = { requestId: request.id, route, size, headers, connection, origin: { host, protocol } }
  if (https === undefined) return parent

  const { encrypted, ...rest } = connection
  if (headers['x-forwarded-proto'] !== undefined) headers['x-forwarded-proto'] = https ? 'https' : 'http'
  return {
    ...parent,
    connection: https ? { ...rest, encrypted: true } : rest,
    origin: { host, protocol: https ? 'https' : 'http' }
  }
}

function isEncrypted (socket: Socket): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true
}
