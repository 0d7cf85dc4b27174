import { InvalidDependencyError } from '../errors.ts'
import type { PlannedItem } from './item.ts'

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
  const linked = items.filter(takesPart).map((item): Linked => {
    return Object.assign(item, { dependencies: [], dependents: [] })
  })
  const byId = new Map<string, Linked>()
  for (const planned of linked) {
    const { item: { id }, index } = planned
    if (id === undefined) continue
    if (byId.has(id)) throw new InvalidDependencyError(`batch/${index}/id`, `"${id}" is the id of another item`)
    byId.set(id, planned)
  }
  for (const planned of linked) {
    for (const [place, id] of namedBy(planned)) {
      const dependency = byId.get(id)
      if (dependency === undefined) throw new InvalidDependencyError(place, `there is no item with the id "${id}"`)
      if (dependency === planned) throw new InvalidDependencyError(place, 'an item cannot wait for itself')
      planned.dependencies.push(dependency)
      dependency.dependents.push(planned)
    }
  }
  refuseCircles(linked)
}

function takesPart ({ item }: PlannedItem): boolean {
  return item.id !== undefined || item.depends_on !== undefined || item.bind !== undefined
}

/** Each id that an item waits for, once, and where it names it. */
function namedBy ({ item, index, bindings }: PlannedItem): Iterable<[place: string, id: string]> {
  const places = new Map<string, string>()
  for (const [n, id] of (item.depends_on ?? []).entries()) places.set(id, `batch/${index}/depends_on/${n}`)
  for (const { sourceId, place } of bindings) if (!places.has(sourceId)) places.set(sourceId, place)
  return Array.from(places, ([id, place]) => [place, id])
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
  const ids = [...circle.slice(circle.indexOf(item)), item].map(({ item }) => item.id)
  const shown = ids.length > 6 ? [...ids.slice(0, 5), '…', ids.at(-1)] : ids
  return new InvalidDependencyError(`batch/${item.index}`, `waits for itself: ${shown.join(' → ')}`)
}
