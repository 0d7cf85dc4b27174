import { Buffer } from 'node:buffer'
import type { Answers } from './answers.ts'
import { InvalidBindingError, MissingValueError } from '../errors.ts'
import { parseBody, valueAt, type Binding } from '../plan/bindings.ts'
import { nameOf, type PlannedItem } from '../plan/item.ts'
import type { BatchItem } from '../wire/schema.ts'

/**
 * Fills in the bindings of an item.
 * `maxBodyBytes` is what the client could have sent itself.
 * @throws MissingValueError, InvalidBindingError
 */
export function fillBindings (
  { item, index, bindings, dependencies }: PlannedItem,
  answers: Answers,
  maxBodyBytes: number
): BatchItem {
  const sources = new Map<string | number, PlannedItem>()
  for (const dependency of dependencies) sources.set(dependency.index, dependency).set(nameOf(dependency), dependency)
  let { headers } = item
  const variables = new Map<string | number, string>()
  const inBody: BodyValue[] = []
  for (const binding of bindings) {
    const { place, source, target, resource } = binding
    const from = sources.get(binding.from)!
    const value = valueOf(binding, path => answers.valueAt(from, path))
    if (value === undefined) throw new MissingValueError(place, [nameOf(from), ...source].join('/'))
    if (value === resource?.id) continue
    if (target.part === 'body') inBody.push({ place, path: target.path, value, resource })
    else if (target.part === 'headers') headers = { ...headers, [target.name]: toText(value, place) }
    else variables.set(target.name, encode(toText(value, place), place))
  }
  const filled = { ...item, url: fillUrl(item.url, variables, `batch/${index}/url`), headers }
  return inBody.length === 0 ? filled : { ...filled, body: fillBody(item, inBody, maxBodyBytes) }
}

/** Gives the value that a binding takes from an answer, or `undefined`. */
function valueOf ({ source, resource }: Binding, valueAt: (path: readonly string[]) => unknown): unknown {
  if (resource === undefined) return valueAt(source)
  // What is answered may be about something else, as the job that will create the resource (202).
  const value = valueAt(['body', 'data', 'type']) === resource.type ? valueAt(source) : undefined
  return value ?? resource.id
}

/** A number, a boolean or a string, as the text that stands for it in a url or a header. */
function toText (value: unknown, place: string): string {
  if (typeof value === 'object') {
    const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
    throw new InvalidBindingError(place, `the value is ${kind}, which cannot stand there`)
  }
  return String(value)
}

/** Simple expansion (RFC 6570 section 3.2.2): all but the unreserved characters are percent-encoded. */
function encode (text: string, place: string): string {
  // Control characters, and halves of surrogate pairs, which have no encoding.
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw new InvalidBindingError(place, 'the value has a character that a url may not have')
  return encodeURIComponent(text).replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

function fillUrl (url: string, variables: ReadonlyMap<string | number, string>, place: string): string {
  if (variables.size === 0) return url
  const [path, ...query] = url.split('?')
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (_variable, name) => variables.get(name)!)
  const segments = path!.split('/').map((segment, n) => {
    const filled = variables.get(n) ?? fill(segment)
    // It would be another path than the one that was written: its parent, or one without this segment.
    if (filled !== segment && /^\.*$/.test(filled)) throw new InvalidBindingError(place, 'a segment of the path is empty or only dots')
    return filled
  })
  return [segments.join('/'), ...query.map(fill)].join('?')
}

interface BodyValue extends Pick<Binding, 'place' | 'resource'> {
  readonly path: readonly string[]
  readonly value: unknown
}

function fillBody (item: BatchItem, values: readonly BodyValue[], maxBytes: number): string {
  let body: unknown
  let bytes = 0
  for (const { place, path, value, resource } of values) {
    // Counted value by value: all together could be more than the process can hold.
    bytes += Buffer.byteLength(toJson(value, place))
    if (bytes > maxBytes) throw new InvalidBindingError(place, `the body would be longer than ${maxBytes} bytes`)
    if (path.length === 0) body = value
    else put(body ??= parseBody(item, place), path, value)
    // A resource is identified by its id or its lid, never by both.
    if (resource !== undefined) delete (valueAt(body, path.slice(0, -1)) as Record<string, unknown>).lid
  }
  return toJson(body, values[0]!.place)
}

function toJson (value: unknown, place: string): string {
  try {
    return JSON.stringify(value)
  } catch {
    // JSON.parse takes deeper values than JSON.stringify, which then ends in a RangeError.
    throw new InvalidBindingError(place, 'the body would be nested too deeply')
  }
}

function put (body: unknown, path: readonly string[], value: unknown): void {
  const container = valueAt(body, path.slice(0, -1)) as Record<string, unknown>
  const last = path.at(-1)!
  if (Array.isArray(container) && last === '-') container.push(value)
  else container[last] = value
}
