const maxBytes = 8192

// Printable ASCII without # \ " < > ` { }: what is left passes both dispatchers and every proxy as it is.
const path = /^\/(?!\/)[!$-;=?-[\]-_a-z|~]*$/

// A dot segment, plain or percent-encoded (RFC 3986 section 5.2.4).
const dotSegment = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i

/**
 * Gives the reason to refuse a url, or `undefined`: it must be a plain absolute path with an optional query, of at most
 * 8 KiB.
 *
 * The grammar is static. What is let through reaches the app as the very string that the client sent, so nothing
 * is left for a second parser to read in another way: no other host, no `..`, no fragment, no control character.
 */
export function refuseUrl (url: string): string | undefined {
  if (url.length > maxBytes) return `longer than ${maxBytes} bytes`
  if (!path.test(url)) return reason(url)
  const at = url.search(dotSegment)
  // In the query it is none: `?` ends the path.
  return at === -1 || url.slice(0, at).includes('?') ? undefined : 'has a dot segment'
}

function reason (url: string): string {
  if (url[0] !== '/' || url[1] === '/') return 'does not begin with exactly one "/"'
  const at = url.search(/[^!$-;=?-[\]-_a-z|~]/)
  return `has a character that a url may not have, U+${url.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0')}`
}
