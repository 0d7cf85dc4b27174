import { Buffer } from 'node:buffer'
import { IncomingMessage, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Subrequest } from '../subrequest.ts'
import type { DirectSocket } from './direct-socket.ts'

/** What Node's parser uses of a request. */
interface Parsed extends IncomingMessage {
  upgrade: boolean
  readonly _dumped: boolean
  _addHeaderLines (lines: string[], count: number): void
}

/** Makes the request that Node's parser would make of a subrequest, when it has read the head. */
export function createRequest ({ method, url, headers, body }: Subrequest, socket: DirectSocket): IncomingMessage {
  const request = new IncomingMessage(socket as unknown as Socket) as Parsed
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.httpVersion = '1.1'
  request.method = method
  request.url = url
  request.upgrade = false

  const fields: IncomingHttpHeaders = { ...headers }
  if (body !== undefined) fields['content-length'] = String(body.byteLength)
  const lines: string[] = []
  for (const name in fields) lines.push(name, fields[name] as string)
  request._addHeaderLines(lines, lines.length)
  // Each name stands there once and in lower case: there is nothing to join, but for the one that is always a list.
  if (fields['set-cookie'] === undefined) request.headers = fields
  return request
}

/** Gives a request its body and its end, as Node's parser does when it comes to them. */
export function completeRequest (request: IncomingMessage, body: Uint8Array | undefined): void {
  if (body !== undefined && !(request as Parsed)._dumped) {
    request.push(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
  }
  request.complete = true
  request.push(null)
}
