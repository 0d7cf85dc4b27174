import { InvalidDependencyError } from '../errors.ts'
import { nameOf, type PlannedItem } from './item.ts'

/** A planned item while what it depends on is being written. */
interface Linked extends PlannedItem {
  dependencies: PlannedItem[]
  dependents: PlannedItem[]
}

/**
 * Writes into items what they run after and what runs after them: what they name in `depends_on`, and what they bind
 * values from. Takes time in proportion to the number of items and dependencies.
 * @throws InvalidDependencyError for an id that is unknown or given twice, or items that wait for each other
 */
export function linkItems (items: readonly PlannedItem[]): void {
  if (!items.some(takesPart)) return
  const linked = items.map((item): Linked => Object.assign(item, { dependencies: [], dependents: [] }))
  const byName = new Map<string | number, Linked>()
  for (const planned of linked) {
    const { item: { id }, index } = planned
    byName.set(index, planned)
    if (id === undefined) continue
    if (byName.has(id)) throw new InvalidDependencyError(`batch/${index}/id`, `"${id}" is the id of another item`)
    byName.set(id, planned)
  }
  for (const planned of linked) {
    for (const [name, place] of namedBy(planned)) {
      const dependency = byName.get(name)
      if (dependency === undefined) throw new InvalidDependencyError(place, `there is no item with the id "${name}"`)
      if (dependency === planned) throw new InvalidDependencyError(place, 'an item cannot wait for itself')
      planned.dependencies.push(dependency)
      dependency.dependents.push(planned)
    }
  }
  refuseCircles(linked)
}

function takesPart ({ item, bindings }: PlannedItem): boolean {
  return item.id !== undefined || item.depends_on !== undefined || bindings.length > 0
}

/** Each name of an item that this one waits for, once, and where it stands. */
function namedBy ({ item, index, bindings }: PlannedItem): Iterable<[name: string | number, place: string]> {
  const places = new Map<string | number, string>()
  for (const [n, id] of (item.depends_on ?? []).entries()) places.set(id, `batch/${index}/depends_on/${n}`)
  for (const { from, place } of bindings) if (!places.has(from)) places.set(from, place)
  return places
}

/** Takes away, over and over, what waits for nothing (Kahn 1962). What is left waits for itself in the end. */
function refuseCircles (items: readonly PlannedItem[]): void {
  const waiting = new Map(items.map(item => [item, item.dependencies.length]))
  const free = items.filter(item => item.dependencies.length === 0)
  for (const item of free) {
    waiting.delete(item)
    for (const dependent of item.dependents) {
      const left = waiting.get(dependent)! - 1
      waiting.set(dependent, left)
      if (left === 0) free.push(dependent)
    }
  }
  const [first] = waiting.keys()
  if (first !== undefined) throw circleError(first, waiting)
}

/** Names the items of a circle, from any item that waits for one. */
function circleError (first: PlannedItem, waiting: ReadonlyMap<PlannedItem, number>): Error {
  const way = new Set<PlannedItem>()
  let item = first
  while (!way.has(item)) {
    way.add(item)
    item = item.dependencies.find(dependency => waiting.has(dependency))!
  }
  const circle = [...way]
  const ids = [...circle.slice(circle.indexOf(item)), item].map(nameOf)
  const shown = ids.length > 6 ? [...ids.slice(0, 5), '…', ids.at(-1)] : ids
  return new InvalidDependencyError(`batch/${item.index}`, `waits for itself: ${shown.join(' → ')}`)
}
