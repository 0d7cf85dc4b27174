import { parseSetCookie } from 'set-cookie-parser'
import type { Outcome } from '../outcome.ts'

/**
 * Gathers the cookies that the items of a batch set, for the one answer that a browser takes them from.
 *
 * A cookie means what it would have meant in an answer of its own: without `Path` it gets the default path of its
 * item's url (RFC 6265 section 5.1.4), and of the same name, domain and path the last in the order of the items is
 * kept (section 5.3). Items that did not complete set none.
 */
export function collectCookies (outcomes: readonly Outcome[]): string[] {
  const cookies = new Map<string, string>()
  for (const { url, subresponse } of outcomes) {
    const setCookie = subresponse.headers['set-cookie']
    if (url === undefined || setCookie === undefined || subresponse.outcome !== undefined) continue
    for (const text of [setCookie].flat()) {
      const { key, cookie } = resolveCookie(text, url)
      cookies.delete(key)
      cookies.set(key, cookie)
    }
  }
  return [...cookies.values()]
}

function resolveCookie (text: string, url: string): { key: string, cookie: string } {
  const [cookie] = parseSetCookie([text], { decodeValues: false, silent: true })
  if (cookie === undefined) return { key: text, cookie: text }

  const { name, domain = '', path = '' } = cookie
  if (path.startsWith('/')) return { key: cookieKey(name, domain, path), cookie: text }
  const defaulted = defaultPath(url)
  // Where an attribute stands twice, the last one counts (RFC 6265 section 5.3).
  return { key: cookieKey(name, domain, defaulted), cookie: `${text}; Path=${defaulted}` }
}

function cookieKey (name: string, domain: string, path: string): string {
  return JSON.stringify([name, domain.toLowerCase().replace(/^\./, ''), path])
}

function defaultPath (url: string): string {
  // A semicolon would end the attribute.
  const path = url.split(/[?;]/, 1)[0]!
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1))
}
