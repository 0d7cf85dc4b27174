import { safeParse } from 'fast-content-type-parse'
import { excerpt } from '../excerpt.ts'
import type { BatchItem } from '../wire/schema.ts'
import { valueAt, type Binding } from './bindings.ts'
import type { PlannedItem } from './item.ts'

/** The index of the item that creates a resource, by what the client calls it. */
type Creations = Map<string, number>

/** What may name a resource: `type` with `lid` or `id`. */
interface Identifier {
  readonly value: unknown
  /** Where it stands in the body. */
  readonly path: readonly string[]
}

const mediaType = 'application/vnd.api+json'

// Where an answer has the id of the resource that was created.
const source = ['body', 'data', 'id'] as const

/**
 * Binds the ids that a client made up in JSON:API 1.1 documents (`lid`, and the `id` of a resource that it creates) to
 * those that the server gives. A resource is created by the data of a POST. Later items refer to it by resource
 * identifiers, in their data and its relationships, and by their urls, after its type. Of several items that create it
 * the last one before counts.
 *
 * What is not such a document, valid or not, stays as it is: judging it is left to the server.
 */
export function bindLocalIds (items: readonly PlannedItem[], defaultContentType: string): PlannedItem[] {
  const creations: Creations = new Map()
  return items.map(planned => {
    const { item, index } = planned
    const data = own(readDocument(item, defaultContentType), 'data')
    const inUrl = bindUrl(item.url, index, creations)
    // Before its identifiers are read: by its own name an item means what it creates, which is nothing to wait for.
    if (item.method.toUpperCase() === 'POST') addCreation(data, index, creations)
    const inBody = identifiers(data).flatMap(identifier => bindIdentifier(identifier, index, creations))
    if (inUrl.length + inBody.length === 0) return planned
    // The bindings of the client come last, and so have the last word.
    return { ...planned, content: undefined, bindings: [...inUrl, ...inBody, ...planned.bindings] }
  })
}

/** Gives the JSON value that the body of an item is or encodes, if it says that it is a JSON:API document. */
function readDocument ({ headers = {}, body, body_encoding: encoding }: BatchItem, defaultType: string): unknown {
  const name = Object.keys(headers).find(name => name.toLowerCase() === 'content-type')
  const { type } = safeParse(name === undefined ? defaultType : headers[name]!)
  if (type !== mediaType || encoding !== undefined) return undefined
  if (typeof body !== 'string') return body
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function addCreation (data: unknown, index: number, creations: Creations): void {
  const type = own(data, 'type')
  for (const member of ['lid', 'id'] as const) {
    const name = own(data, member)
    if (typeof type === 'string' && typeof name === 'string') creations.set(key(member, type, name), index)
  }
}

/** Binds the segments of a path that name a resource, as in `/articles/LID/relationships/author`. */
function bindUrl (url: string, index: number, creations: Creations): Binding[] {
  const segments = url.split('?', 1)[0]!.split('/').map(decode)
  return segments.flatMap((name, n) => {
    const type = segments[n - 1]
    if (!type || !name) return []
    const lid = creations.get(key('lid', type, name)) ?? -1
    const id = creations.get(key('id', type, name)) ?? -1
    const from = Math.max(lid, id)
    if (from === -1) return []
    const resource = { type, id: id > lid ? name : undefined }
    return [{ place: `batch/${index}/url`, target: { part: 'url', name: n }, from, source, resource }]
  })
}

/** Gives the text of a segment, or `undefined` where it is none, or where bindings of the client fill it. */
function decode (segment: string): string | undefined {
  if (segment.includes('{')) return undefined
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** Gives what may be identifiers: the primary data, and the linkage of its relationships. */
function identifiers (data: unknown): Identifier[] {
  const relationships = own(data, 'relationships')
  const names = isObject(relationships) ? Object.keys(relationships) : []
  const linkages = names.flatMap(name => elements(own(own(relationships, name), 'data'), ['data', 'relationships', name, 'data']))
  return [...elements(data, ['data']), ...linkages]
}

function elements (value: unknown, path: readonly string[]): Identifier[] {
  return Array.isArray(value) ? value.map((value, n) => ({ value, path: [...path, String(n)] })) : [{ value, path }]
}

function bindIdentifier ({ value, path }: Identifier, index: number, creations: Creations): Binding[] {
  const type = own(value, 'type')
  const id = own(value, 'id')
  const hasId = typeof id === 'string'
  const name = hasId ? id : own(value, 'lid')
  if (typeof type !== 'string' || typeof name !== 'string') return []
  const from = creations.get(key(hasId ? 'id' : 'lid', type, name))
  if (from === undefined || from === index) return []
  const place = `batch/${index}/${excerpt(['body', ...path].join('/'))}`
  const resource = { type, id: hasId ? id : undefined }
  return [{ place, target: { part: 'body', path: [...path, 'id'] }, from, source, resource }]
}

function key (member: 'lid' | 'id', type: string, name: string): string {
  return JSON.stringify([member, type, name])
}

function own (value: unknown, name: string): unknown {
  return valueAt(value, [name])
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
