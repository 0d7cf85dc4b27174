// What a method promises (RFC 9110 section 9.2): methods in upper case. One that is not known promises nothing.
const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Whether a request changes nothing (RFC 9110 section 9.2.1). */
export function isSafe (method: string): boolean {
  return safe.has(method)
}

/** Whether what is sent twice has the effect of what is sent once (RFC 9110 section 9.2.2). */
export function isIdempotent (method: string): boolean {
  return isSafe(method) || method === 'PUT' || method === 'DELETE'
}
