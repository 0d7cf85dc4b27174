import { ValuePointer } from '@sinclair/typebox/value'
import { InvalidBindingError } from '../errors.ts'
import { excerpt } from '../excerpt.ts'
import type { BatchItem } from '../wire/schema.ts'

/** One value that goes from the answer of an earlier item to a place in this one. */
export interface Binding {
  /** Where the binding stands, for messages. */
  readonly place: string
  readonly target: Target
  /** The item whose answer has the value: by its id, or by its index, which no client can name it by. */
  readonly from: string | number
  /** Where the value stands in that answer: its member, and the way from there. */
  readonly source: readonly [part: 'body' | 'headers' | 'status_code', ...path: string[]]
  /** Of a binding to the id of a resource that the other item creates (json-api.ts). */
  readonly resource?: {
    /** An answer about a resource of another type does not have the value. */
    readonly type: string
    /** The id that stands at the target, and stays there where the answer has no other. */
    readonly id: string | undefined
  }
}

/** A place in an item that a binding may fill. */
export type Target =
  /** A variable of the url, or the number of a segment of its path. */
  | { readonly part: 'url', readonly name: string | number }
  | { readonly part: 'headers', readonly name: string }
  | { readonly part: 'body', readonly path: readonly string[] }

const maxBindings = 64
const pointer = /^(?:\/(?:[^~/]|~[01])*)*$/
const source = /^([A-Za-z0-9._~-]{1,64})((?:\/(?:body|headers)|\/status_code$)(?:\/.*)?)$/s
const variable = /^[A-Za-z0-9_]{1,64}$/
const arrayIndex = /^(?:0|[1-9]\d*)$/

/**
 * Reads the bindings of an item: keys are JSON Pointers (RFC 6901) into the item, values an id and a JSON Pointer into
 * the answer of the item of that id.
 * @throws InvalidBindingError for the first one that has no place to take a value from, or none to put it
 */
export function readBindings (item: BatchItem, index: number): Binding[] {
  const bind = Object.entries(item.bind!)
  if (bind.length > maxBindings) throw new InvalidBindingError(`batch/${index}/bind`, `more than ${maxBindings} bindings`)
  let body: unknown
  const bindings = bind.map(([key, value]) => {
    const place = `batch/${index}/bind "${excerpt(key)}"`
    // Parsed once, however many bindings look for a place in it.
    return readBinding([key, value], item, () => (body ??= parseBody(item, place)), place)
  })
  refuseOverlaps(bindings)
  return bindings
}

/** Walks a path of own properties, and gives `undefined` where it ends too early. */
export function valueAt (value: unknown, path: readonly string[]): unknown {
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    if (Array.isArray(value) && !arrayIndex.test(key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/**
 * Gives the JSON value that an item's body is, or that it encodes as a string, as a copy.
 * @throws InvalidBindingError if it is a string that is not JSON
 */
export function parseBody ({ body }: BatchItem, place: string): unknown {
  if (body === undefined) return undefined
  try {
    return JSON.parse(typeof body === 'string' ? body : JSON.stringify(body))
  } catch {
    throw new InvalidBindingError(place, 'the body is not JSON')
  }
}

function readBinding (
  [key, value]: [key: string, value: string], item: BatchItem, readBody: () => unknown, place: string
): Binding {
  const match = source.exec(value)
  if (match === null || !pointer.test(match[2]!)) {
    throw new InvalidBindingError(place, `"${excerpt(value)}" is not an id and a JSON Pointer to body, headers or status_code`)
  }
  if (!pointer.test(key)) throw new InvalidBindingError(place, 'is not a JSON Pointer')
  return {
    place,
    target: readTarget([...ValuePointer.Format(key)], item, readBody, place),
    from: match[1]!,
    source: [...ValuePointer.Format(match[2]!)] as unknown as Binding['source']
  }
}

function readTarget ([part, ...path]: string[], item: BatchItem, readBody: () => unknown, place: string): Target {
  const name = path[0]!
  if (part === 'url' && path.length === 1) {
    if (!variable.test(name)) throw new InvalidBindingError(place, 'a variable is 1 to 64 letters, digits and underscores')
    if (!item.url.includes(`{${name}}`)) throw new InvalidBindingError(place, `the url has no {${name}}`)
    return { part, name }
  }
  if (part === 'headers' && path.length === 1) {
    const header = name.toLowerCase()
    if (Object.keys(item.headers ?? {}).some(given => given.toLowerCase() === header)) {
      throw new InvalidBindingError(place, 'the item sets this header itself')
    }
    return { part, name: header }
  }
  if (part === 'body') {
    if (item.body_encoding !== undefined) throw new InvalidBindingError(place, 'the body is base64')
    if (path.length > 0 && !isPlace(readBody(), path)) throw new InvalidBindingError(place, 'the body has no such place')
    return { part, path }
  }
  throw new InvalidBindingError(place, 'is none of /url/NAME, /headers/NAME and /body…')
}

/** Whether a value can be put there: a member of an object, an element of an array, or `-` for one more element. */
function isPlace (body: unknown, path: readonly string[]): boolean {
  const container = valueAt(body, path.slice(0, -1))
  const last = path.at(-1)!
  if (Array.isArray(container)) return last === '-' || (arrayIndex.test(last) && Number(last) < container.length)
  return typeof container === 'object' && container !== null && last !== '__proto__'
}

/** Two bindings to one place, or one inside the other, would leave it to their order what is sent. */
function refuseOverlaps (bindings: readonly Binding[]): void {
  const targets = new Set<string>()
  for (const { target, place } of bindings) {
    const path = JSON.stringify([target.part, ...target.part === 'body' ? target.path : [target.name]])
    if (targets.has(path) && !path.endsWith('"-"]')) throw new InvalidBindingError(place, 'another binding has the same target')
    targets.add(path)
  }
  for (const { target, place } of bindings) {
    if (target.part !== 'body') continue
    for (let length = 0; length < target.path.length; length++) {
      if (targets.has(JSON.stringify(['body', ...target.path.slice(0, length)]))) {
        throw new InvalidBindingError(place, 'another binding has a target around this one')
      }
    }
  }
}
