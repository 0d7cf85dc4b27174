const maxBytes = 8192

// A path that begins with one slash, and a query, of printable ASCII without # \ " < > ` { }: both pass all dispatchers
// and proxies as they are. No segment is a dot segment, plain or percent-encoded (RFC 3986 section 5.2.4).
const allowed =
  /^(?!\/\/)(?:\/(?!(?:\.|%2[eE]){1,2}(?:[/?]|$))[!$-.0-;=@-[\]-_a-z|~]*)+(?:\?[!$-;=?-[\]-_a-z|~]*)?$/

/**
 * Gives the reason to refuse a url, or `undefined`: it must be a plain absolute path with an optional query, of at most
 * 8 KiB.
 *
 * The grammar is static. What is let through reaches the app as the very string that the client sent, so nothing
 * is left for a second parser to read in another way: no other host, no `..`, no fragment, no control character.
 */
export function refuseUrl (url: string): string | undefined {
  if (url.length > maxBytes) return `longer than ${maxBytes} bytes`
  return allowed.test(url) ? undefined : reason(url)
}

function reason (url: string): string {
  if (url[0] !== '/' || url[1] === '/') return 'does not begin with exactly one "/"'
  const at = url.search(/[^!$-;=?-[\]-_a-z|~]/)
  if (at === -1) return 'has a dot segment'
  return `has a character that a url may not have, U+${url.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0')}`
}
