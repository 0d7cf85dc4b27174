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
  const linked = items as readonly Linked[]
  const byId = new Map<string, Linked>()
  for (const planned of linked) {
    const { item: { id }, index } = planned
    if (id === undefined) continue
    if (byId.has(id)) throw new InvalidDependencyError(`batch/${index}/id`, `"${id}" is the id of another item`)
    byId.set(id, planned)
  }
  let areForward = true
  for (const planned of linked) {
    const { item: { depends_on: dependsOn = [] }, bindings, index } = planned
    for (let n = 0; n < dependsOn.length; n++) {
      const dependency = byId.get(dependsOn[n]!) ?? refuse(`batch/${index}/depends_on/${n}`, dependsOn[n]!)
      link(planned, dependency)
      areForward &&= dependency.index < index
    }
    for (const { from, place } of bindings) {
      const dependency = typeof from === 'number' ? linked[from]! : byId.get(from) ?? refuse(place, from)
      link(planned, dependency)
      areForward &&= dependency.index < index
    }
  }
  // Where all wait for what stands before them, there is no circle.
  if (!areForward) refuseCircles(items)
}

function link (planned: Linked, dependency: Linked): void {
  const { dependents } = dependency
  const { length } = dependents
  // The list of all that have none is shared.
  if (length === 0) dependency.dependents = [planned]
  // All that one item names is linked in a row: what it names twice has it as its last dependent.
  else if (dependents[length - 1] === planned) return
  else dependents.push(planned)
  if (planned.dependencies.length === 0) planned.dependencies = [dependency]
  else planned.dependencies.push(dependency)
}

function refuse (place: string, id: string): never {
  throw new InvalidDependencyError(place, `there is no item with the id "${id}"`)
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
