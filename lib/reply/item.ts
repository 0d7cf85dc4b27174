import { Buffer } from 'node:buffer'
import type { Outcome } from '../outcome.ts'
import { isJson, isShownHeader, textOf, type Subresponse } from '../subresponse.ts'

/** How answers are written, from the options. */
export interface ItemSettings {
  readonly durationHeader: string | false
  readonly responseBody: 'string' | 'json'
  /** Whether an answer shows its `set-cookie` headers. */
  readonly exposeCookies: boolean
}

/** Writes the answer to one item as JSON text. */
export function writeItem (outcome: Outcome, settings: ItemSettings): string {
  return `{${writeMembers(outcome, settings)}}`
}

/** Writes what stands between the braces of an answer. */
export function writeMembers ({ id, subresponse, duration }: Outcome, settings: ItemSettings): string {
  const { status, reason, outcome } = subresponse
  // An id has no character that JSON would escape.
  return `${id === undefined ? '' : `"id":"${id}",`}"status_code":${status},"reason_phrase":${quote(reason)}` +
    `,"headers":{${writeHeaders(subresponse, duration, settings)}},${writeBody(subresponse, settings)}` +
    (outcome === undefined ? '' : `,"outcome":"${outcome}"`)
}

/** Writes the header with a duration of milliseconds, as a member of an object. */
export function writeDurationHeader (name: string, milliseconds: number): string {
  return `${quote(name)}:${writeSeconds(milliseconds)}`
}

/**
 * Writes a duration of milliseconds in seconds, to the microsecond. The digits are put together: to print a fraction
 * costs several times as much.
 */
export function writeSeconds (milliseconds: number): string {
  const microseconds = Math.round(milliseconds * 1000)
  return `${Math.floor(microseconds / 1e6)}.${String(1e6 + microseconds % 1e6).slice(1)}`
}

// What stands in JSON as it is.
const plain = /^[ !#-[\]-~]*$/

function quote (text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}

function writeHeaders ({ headers }: Subresponse, duration: number, settings: ItemSettings): string {
  const { durationHeader, exposeCookies } = settings
  let text = ''
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || !isShownHeader(name, exposeCookies)) continue
    text += `${text && ','}${quote(name)}:${typeof value === 'string' ? quote(value) : JSON.stringify(value)}`
  }
  if (durationHeader === false) return text
  return `${text}${text && ','}${writeDurationHeader(durationHeader, duration)}`
}

function writeBody (subresponse: Subresponse, { responseBody }: ItemSettings): string {
  const text = textOf(subresponse)
  if (text === undefined) return `"body":"${toBase64(subresponse.body as Uint8Array)}","body_encoding":"base64"`
  if (responseBody === 'string' || text === '' || !isJson(subresponse)) return `"body":${JSON.stringify(text)}`
  // The text itself is put in, not what it parses to: numbers keep their digits, and nothing is printed twice.
  // Parsing it is what makes that safe: text that is not one JSON value could end this answer and begin another.
  return parses(text) ? `"body":${text}` : `"body":${JSON.stringify(text)},"body_encoding":"text"`
}

function toBase64 ({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

function parses (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
