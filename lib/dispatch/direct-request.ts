import { IncomingMessage } from 'node:http'
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

  const lines: string[] = []
  for (const name in headers) lines.push(name, headers[name]!)
  if (body !== undefined) lines.push('content-length', String(body.byteLength))
  request._addHeaderLines(lines, lines.length)
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
