import { IncomingMessage, type IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Subrequest } from '../subrequest.ts'
import { DirectSocket, type SocketOwner } from './direct-socket.ts'

/** The state of its stream. Most of it is in one number, which has another name in every version. */
type State = Record<string | symbol, unknown>

/** What Node's parser and server use of a request. */
interface Parsed extends IncomingMessage {
  upgrade: boolean
  readonly _eventsCount: number
  readonly _consuming: boolean
  _dumped: boolean
  readonly _readableState: State
  _addHeaderLines (lines: string[], count: number): void
  _dump (): void
}

/** Makes the request that Node's parser would make of a subrequest, when it has read the head. */
export function createRequest (
  { method, url, headers, body }: Pick<Subrequest, 'method' | 'url' | 'headers' | 'body'>, socket: DirectSocket
): IncomingMessage {
  const request = new IncomingMessage(socket as unknown as Socket) as Parsed
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  request.httpVersion = '1.1'
  request.method = method
  request.url = url
  request.upgrade = false

  // Not a spread, for the reason that `buildSubrequest` has.
  const fields: IncomingHttpHeaders = Object.assign({}, headers)
  if (body !== undefined) fields['content-length'] = String(body.byteLength)
  const lines: string[] = []
  for (const name in fields) lines.push(name, fields[name] as string)
  request._addHeaderLines(lines, lines.length)
  // Each name stands there once and in lower case: there is nothing to join, but for the one that is always a list.
  if (fields['set-cookie'] === undefined) request.headers = fields
  return request
}

/**
 * Gives a request its body and its end, as Node's parser does when it comes to them. One without a body gets its end
 * when it is read, as most never are.
 */
export function completeRequest (request: IncomingMessage, body: Uint8Array | undefined): void {
  if (body !== undefined && !(request as Parsed)._dumped) request.push(body)
  request.complete = true
  if (body === undefined && isUntouched(request)) (request.socket as unknown as DirectSocket).unread = request
  else request.push(null)
}

/** Lets a request that was answered come to its end, as Node's server does: what nobody has read is not wanted. */
export function endRequest (request: IncomingMessage): void {
  const { _consuming, _readableState: state } = request as Parsed
  if (isUntouched(request)) {
    (request as Parsed)._dumped = true
    state[stateName!] = endedState
  } else if (!_consuming && state.resumeScheduled !== true) {
    (request as Parsed)._dump()
  }
}

/** Whether nobody listens to a request, and nobody has begun to read it. */
function isUntouched (request: IncomingMessage): boolean {
  const { _eventsCount: listeners, _readableState: state } = request as Parsed
  return listeners === 0 && stateName !== undefined && state[stateName] === freshState
}

// What its end changes in the state of a request is one number. To set it spares most requests the way through five
// ticks on which nobody meets them. The number, and its name, are learnt from a request that goes that way: both are
// Node's own business. Should there ever be more to it than one number, all go that way.
let stateName: string | symbol | undefined
let freshState: unknown
let endedState: unknown

function learnEndedState (): void {
  const socket = new DirectSocket({}, 0, {} as SocketOwner)
  const request = createRequest({ method: 'GET', url: '/', headers: {}, body: undefined }, socket) as Parsed
  const { _readableState: state } = request
  const fresh = { ...state }
  completeRequest(request, undefined)
  request._dump()
  request.once('close', () => {
    const [name, ...more] = Reflect.ownKeys(state).filter(name => state[name] !== fresh[name])
    if (more.length === 0) [stateName, freshState, endedState] = [name, fresh[name!], state[name!]]
  })
}

learnEndedState()
