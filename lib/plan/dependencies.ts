import { InvalidDependencyError } from '../errors.ts'
import { nameOf, type PlannedItem } from './item.ts'

// Not the frozen one of `item.ts`: to read from two kinds of lists takes a sixth longer.
const none: readonly never[] = []

/** A planned item while what it depends on is being written. */
interface Linked extends PlannedItem {
  dependencies: readonly Linked[]
  dependents: Linked[]
}

/**
 * Writes into items what they run after and what runs after them: what they name in `depends_on`, and what they bind
 * values from. Takes time in proportion to the number of items and dependencies.
 * @throws InvalidDependencyError for an id that is unknown or given twice, or items that wait for each other
 */
export function linkItems (items: readonly PlannedItem[]): void {
  const linked = items as readonly Linked[]
  const byId = readIds(linked)
  const growing = new Set<Linked>()
  let allBefore = true
  let allAfter = true
  for (let start = 0, end; start < linked.length; start = end) {
    const dependencies = findDependencies(linked[start]!, linked, byId)
    // Items that wait for the same often stand in a row, and share what was found for the first of them.
    end = start + 1
    while (end < linked.length && nameTheSame(linked[start]!, linked[end]!)) end++
    if (dependencies.length === 0) continue
    const row = end - start === 1 ? [linked[start]!] : linked.slice(start, end)
    for (let n = start; n < end; n++) linked[n]!.dependencies = dependencies
    for (const dependency of dependencies) {
      allBefore &&= dependency.index < start
      allAfter &&= dependency.index >= end
      addDependents(dependency, row, growing)
    }
  }
  // Where all wait for what stands before them, or all for what stands after them, there is no circle.
  if (!allBefore && !allAfter) refuseCircles(items)
}

function readIds (items: readonly Linked[]): Map<string, Linked> {
  const byId = new Map<string, Linked>()
  let size = 0
  for (const planned of items) {
    const { item: { id }, index } = planned
    if (id === undefined) continue
    byId.set(id, planned)
    // One look less at the map than to ask whether it has the id.
    if (byId.size === size) throw new InvalidDependencyError(`batch/${index}/id`, `"${id}" is the id of another item`)
    size = byId.size
  }
  return byId
}

function findDependencies (
  { item, bindings, index }: Linked, items: readonly Linked[], byId: ReadonlyMap<string, Linked>
): readonly Linked[] {
  const ids: readonly string[] = item.depends_on ?? none
  if (ids.length === 0 && bindings.length === 0) return none
  if (ids.length === 1 && bindings.length === 0) {
    const id = ids[0]!
    return [findBeside(index, id, items) ?? byId.get(id) ?? refuse(`batch/${index}/depends_on/0`, id)]
  }
  return [
    ...ids.map((id, n) => byId.get(id) ?? refuse(`batch/${index}/depends_on/${n}`, id)),
    ...bindings.map(({ from, place }) => typeof from === 'number' ? items[from]! : byId.get(from) ?? refuse(place, from))
  ]
}

/** What an item waits for alone often stands beside it, and is found without a look at the map. */
function findBeside (index: number, id: string, items: readonly Linked[]): Linked | undefined {
  const before = items[index - 1]
  if (before?.item.id === id) return before
  const after = items[index + 1]
  return after?.item.id === id ? after : undefined
}

function nameTheSame (one: Linked, other: Linked): boolean {
  const ids: readonly string[] = one.item.depends_on ?? none
  const others: readonly string[] = other.item.depends_on ?? none
  if (one.bindings.length + other.bindings.length > 0 || ids.length !== others.length) return false
  for (let n = 0; n < ids.length; n++) if (ids[n] !== others[n]) return false
  return true
}

function addDependents (dependency: Linked, row: Linked[], growing: Set<Linked>): void {
  const { dependents } = dependency
  if (dependents.length === 0) {
    dependency.dependents = row
    return
  }
  // Its first list is that of others as well.
  if (!growing.has(dependency)) dependency.dependents = [...dependents]
  growing.add(dependency)
  for (const item of row) dependency.dependents.push(item)
}

function refuse (place: string, id: string): never {
  throw new InvalidDependencyError(place, `there is no item with the id "${id}"`)
}

/** Takes away, over and over, what waits for nothing (Kahn 1962). What is left waits for itself in the end. */
function refuseCircles (items: readonly PlannedItem[]): void {
  // By index: what is counted for a moment is no property of an item.
  const waiting = items.map(item => item.dependencies.length)
  const free = items.filter(item => item.dependencies.length === 0)
  for (const { dependents } of free) {
    for (const dependent of dependents) {
      const left = --waiting[dependent.index]!
      if (left === 0) free.push(dependent)
    }
  }
  const waits = ({ index }: PlannedItem) => waiting[index]! > 0
  const first = items.find(waits)
  if (first !== undefined) throw circleError(first, waits)
}

/** Names the items of a circle, from any item that waits for one. */
function circleError (first: PlannedItem, waits: (item: PlannedItem) => boolean): Error {
  const way = new Set<PlannedItem>()
  let item = first
  while (!way.has(item)) {
    way.add(item)
    item = item.dependencies.find(waits)!
  }
  const circle = [...way]
  const ids = [...circle.slice(circle.indexOf(item)), item].map(nameOf)
  const shown = ids.length > 6 ? [...ids.slice(0, 5), '…', ids.at(-1)] : ids
  return new InvalidDependencyError(`batch/${item.index}`, `waits for itself: ${shown.join(' → ')}`)
}
