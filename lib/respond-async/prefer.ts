import type { IncomingHttpHeaders } from 'node:http'

// RFC 7240 section 2: preferences between commas, each a token, with a value and parameters that may be quoted.
const preference = /[,\s]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[^,"]|"(?:[^"\\]|\\.)*")*/y

/** Whether a client prefers not to wait for the answer (RFC 7240 section 4.1). */
export function prefersAsync ({ prefer }: IncomingHttpHeaders): boolean {
  const names = []
  preference.lastIndex = 0
  for (let match; (match = preference.exec(prefer as string ?? '')) !== null;) names.push(match[1]!.toLowerCase())
  return names.includes('respond-async')
}
