import type { Subrequest } from '../../subrequest.ts'
import type { Headers } from '../../subrequest/headers.ts'

/** In which headers an upstream is told who is calling. */
export type Forwarded = 'x-forwarded' | 'rfc7239'

/** The headers that say who is calling, in either way. */
export const forwardedNames: readonly string[] = Object.freeze([
  'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'
])

// What stands for a peer that has no address (RFC 7239 section 6.3): an upstream must not take the proxy for it.
const unknown = 'unknown'

/**
 * Gives the headers that tell an upstream who is calling, as a proxy does that the batch came to: each has what the
 * batch request had, followed by what is known here. Those of the other way are left out, as nobody would add to them.
 */
export function forwardedHeaders ({ headers, connection, origin }: Subrequest, forwarded: Forwarded): Headers {
  const { remoteAddress = unknown } = connection
  const { host, protocol } = origin
  if (forwarded === 'rfc7239') {
    const pairs = [`for=${node(remoteAddress)}`, ...host === '' ? [] : [`host=${quote(host)}`], `proto=${protocol}`]
    return { forwarded: append(headers.forwarded, pairs.join(';')) }
  }
  const names: Headers = {
    'x-forwarded-for': append(headers['x-forwarded-for'], remoteAddress),
    'x-forwarded-proto': append(headers['x-forwarded-proto'], protocol)
  }
  if (host !== '') names['x-forwarded-host'] = append(headers['x-forwarded-host'], host)
  return names
}

function append (list: string | undefined, value: string): string {
  return list ? `${list}, ${value}` : value
}

/** RFC 7239 section 6: an IPv6 address stands in brackets, and then in quotes. */
function node (address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

function quote (text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
