import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { signMarker, unsignedMarker } from '../../marker.ts'
import type { Subrequest } from '../../subrequest.ts'
import { markerHeader, type Headers } from '../../subrequest/headers.ts'
import { forwardedHeaders, forwardedNames, type Forwarded } from './forwarded.ts'

/** How requests to upstreams are made, from the options. */
export interface RequestSettings {
  readonly forwarded: Forwarded
  readonly secret: string | undefined
  readonly http2: boolean
}

// What is not passed on: `host` is that of the upstream, what says who is calling is written anew, and the last two
// speak of the client's connection.
const replaced = new Set(['host', markerHeader, ...forwardedNames, 'proxy-connection', 'http2-settings'])

/** Makes the request to an upstream. It goes where the options say: nothing of a subrequest has a say in that. */
export function buildRequest (subrequest: Subrequest, settings: RequestSettings): Dispatcher.DispatchOptions {
  const { method, url } = subrequest
  const { forwarded, secret, http2 } = settings
  const headers: Headers = {}
  for (const name in subrequest.headers) {
    if (!replaced.has(name)) headers[name] = subrequest.headers[name]!
  }
  Object.assign(headers, forwardedHeaders(subrequest, forwarded))
  headers[markerHeader] = secret === undefined ? unsignedMarker : signMarker(subrequest, secret)
  return {
    method: method as Dispatcher.HttpMethod,
    path: url,
    headers,
    body: bodyOf(subrequest, http2),
    // Else it would have a connection for itself. That undici could send it again is seen to in `exchange.ts`.
    idempotent: http2 || undefined
  }
}

// The methods whose bodies undici (7.30) sends over HTTP/2 with their length.
const withBody = new Set(['POST', 'PUT', 'PATCH'])

function bodyOf ({ method, body }: Subrequest, http2: boolean): Dispatcher.DispatchOptions['body'] {
  if (body === undefined || body.byteLength === 0) return null
  if (!http2 || withBody.has(method)) return body
  // With any other it ends in an assertion, unless the body is a stream; and one of GET or HEAD cannot be sent at all.
  return method === 'GET' || method === 'HEAD' ? null : Readable.from([body])
}
