import type { IncomingHttpHeaders } from 'node:http'
import Negotiator from 'negotiator'

const json = 'application/json'
const ndjson = 'application/x-ndjson'

/**
 * Whether a client wants lines rather than one JSON text (RFC 9110 section 12.5.1). Who wants neither, or does not say,
 * gets JSON.
 */
export function prefersLines ({ accept }: IncomingHttpHeaders): boolean {
  // Most clients do not speak of lines.
  if (accept === undefined || !accept.toLowerCase().includes('ndjson')) return false
  return new Negotiator({ headers: { accept } }).mediaType([json, ndjson]) === ndjson
}
